import { certificateList } from './certificate-list.ts'
import { clearPasscode } from './clear-passcode.ts'
import type { DeviceCommand } from './command.ts'
import { deviceInformation } from './device-information.ts'
import { deviceLock } from './device-lock.ts'
import { eraseDevice } from './erase-device.ts'
import { installApplication } from './install-application.ts'
import { installProfile } from './install-profile.ts'
import { installedApplicationList } from './installed-application-list.ts'
import { managedApplicationConfiguration } from './managed-application-configuration.ts'
import { profileList } from './profile-list.ts'
import { removeApplication } from './remove-application.ts'
import { removeProfile } from './remove-profile.ts'
import { restartDevice } from './restart-device.ts'
import { securityInfo } from './security-info.ts'
import { settings } from './settings.ts'
import { shutDownDevice } from './shut-down-device.ts'

/** In the order in which they are listed. */
export const deviceCommands: readonly DeviceCommand[] = [
  deviceInformation,
  securityInfo,
  profileList,
  certificateList,
  installedApplicationList,
  managedApplicationConfiguration,
  installProfile,
  removeProfile,
  installApplication,
  removeApplication,
  settings,
  deviceLock,
  clearPasscode,
  restartDevice,
  shutDownDevice,
  eraseDevice,
]

const byName: ReadonlyMap<string, DeviceCommand> = new Map(deviceCommands.map((one) => [one.name, one]))

export function findCommand(requestType: string): DeviceCommand | undefined {
  return byName.get(requestType)
}
