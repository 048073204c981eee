import { sameUser } from '../../clients/user-name.ts'
import { type DeviceIds, deviceIdKinds } from '../../domain/device-ids.ts'
import type { ManagedDevice } from '../../domain/managed-device.ts'
import type { DeviceKey, ManagedDevices, ReportedDevices } from '../../store/ports.ts'

/** Answers out of what the MDM vendors have told so far. */
export function createReportedDevices(devices: Pick<ManagedDevices, 'byKeys' | 'vendors'>): ReportedDevices {
  return {
    async knownByVendor(ids, user) {
      const found = await devices.byKeys(keysOf(ids))
      if (found.some(({ device }) => isManaged(device) && belongsTo(device, user))) return 'known'
      return (await devices.vendors()).length === 0 ? 'unavailable' : 'unknown'
    },
  }
}

function keysOf(ids: DeviceIds): readonly DeviceKey[] {
  return deviceIdKinds.flatMap((kind) => [ids[kind] ?? []].flat().map((value) => ({ kind, value })))
}

function isManaged({ management }: ManagedDevice): boolean {
  return management === 'managed' || management === 'pending'
}

function belongsTo({ user }: ManagedDevice, name: string): boolean {
  return [user.name, user.upn, user.email].some((known) => known !== undefined && sameUser(known, name))
}
