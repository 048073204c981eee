import { z } from 'zod'
import type { AppDevice } from '../domain/app-device.ts'
import { bindings, type DeviceDescription, platforms } from '../domain/client-identity.ts'
import type { DeviceIds } from '../domain/device-ids.ts'
import { evidenceKinds } from '../domain/evidence.ts'
import { matches, postureStates } from '../domain/posture.ts'
import type { DeviceState, ManualBlock } from '../domain/registration.ts'
import { RecordUnavailable } from './errors.ts'
import type { AppDeviceRow, RegistrationRow } from './schema.ts'

/**
 * Rows become values of the domain here, and strictly: a row that does not fit was written by something else than
 * this program, and is an error rather than a device with half of its restrictions.
 */
const device = z.strictObject({
  type: z.exactOptional(z.string()),
  platform: z.exactOptional(z.enum(platforms)),
  model: z.exactOptional(z.string()),
  osVersion: z.exactOptional(z.string()),
  osVersionSince: z.exactOptional(z.number()),
  claimedId: z.exactOptional(z.string()),
  userAgent: z.exactOptional(z.string()),
})
export const postureSchema = z.strictObject({
  state: z.enum(postureStates),
  match: z.enum(matches),
  vendor: z.exactOptional(z.string()),
  reason: z.exactOptional(z.string()),
  checkedAt: z.exactOptional(z.number()),
  device: z.exactOptional(z.string()),
  graceUntil: z.exactOptional(z.number()),
  reportedBy: z.exactOptional(z.array(z.string())),
  surplus: z.exactOptional(z.enum(['refused', 'waiting'])),
})
export const deviceIdsSchema = z.strictObject({
  udid: z.exactOptional(z.string()),
  serial: z.exactOptional(z.string()),
  imei: z.exactOptional(z.array(z.string())),
  meid: z.exactOptional(z.string()),
  easDeviceId: z.exactOptional(z.array(z.string())),
  entraDeviceId: z.exactOptional(z.string()),
  enrollment: z.exactOptional(z.string()),
})
const evidence = z.array(z.enum(evidenceKinds))
const strings = z.array(z.string())
const binding = z.enum(bindings)

export function toDeviceState(row: RegistrationRow): DeviceState {
  const where = `registration ${row.id}`
  const block = toBlock(row)
  return {
    version: row.version,
    registration: {
      id: row.id,
      service: row.service,
      user: row.user_name,
      binding: checked(binding, row.binding, where),
      device: toDevice(row.device, where),
      evidence: fromJson(evidence, row.evidence, where),
      networks: fromJson(strings, row.networks, where),
      rule: row.rule,
      source: row.source,
      registeredAt: row.registered_at,
      ...(row.mdm_token === null ? {} : { mdmTokenId: row.mdm_token }),
      ...(row.device_ids === null ? {} : { deviceIds: deviceIdsOf(row.device_ids, where) }),
      ...(row.app_device === null ? {} : { appDeviceId: row.app_device }),
    },
    posture: fromJson(postureSchema, row.posture, where),
    ...(block === undefined ? {} : { block }),
  }
}

/** A row that is blocked without saying by whom is broken, not free. */
function toBlock(row: RegistrationRow): ManualBlock | undefined {
  const { blocked, blocked_at: at, blocked_by: by, blocked_why: why } = row
  if (blocked === 0 && at === null) return undefined
  if (blocked !== 1 || at === null || by === null || why === null) throw corrupt(`registration ${row.id}`)
  return { at, by, why }
}

export function toDevice(json: string, where: string): DeviceDescription {
  return fromJson(device, json, where)
}

export function deviceIdsOf(json: string, where: string): DeviceIds {
  return fromJson(deviceIdsSchema, json, where)
}

export function toAppDevice(row: AppDeviceRow): AppDevice {
  const where = `app device ${row.id}`
  return {
    id: row.id,
    user: row.user_name,
    ids: deviceIdsOf(row.ids, where),
    platform: checked(z.enum(platforms), row.platform, where),
    appVersion: row.app_version,
    thumbprint: row.thumbprint,
    publicKey: row.public_key,
    registeredAt: row.registered_at,
    lastSeenAt: row.last_seen_at,
    packageKey: row.package_key,
    ...(row.mdm_token !== null && { mdmTokenId: row.mdm_token }),
    ...(row.revoked_at !== null && {
      revoked: { at: row.revoked_at, by: row.revoked_by ?? '', why: row.revoked_why ?? '' },
    }),
  }
}

export function fromJson<T>(schema: z.ZodType<T>, json: string, where: string): T {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw corrupt(where, cause)
  }
  return checked(schema, value, where)
}

export function checked<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value)
  if (!result.success) throw corrupt(where, result.error)
  return result.data
}

function corrupt(where: string, cause?: unknown): RecordUnavailable {
  return new RecordUnavailable('corrupt', `The record’s row of ${where} is not valid`, { cause })
}
