import { z } from 'zod'
import { normalUser } from '../../clients/user-name.ts'
import { type Platform, platforms } from '../../domain/client-identity.ts'
import type { DeviceIds } from '../../domain/device-ids.ts'
import {
  normaliseEasId,
  normaliseGuid,
  normaliseImei,
  normaliseMeid,
  normaliseSerial,
  normaliseUdid,
} from '../../lib/device-id.ts'
import { parseStrictJson } from '../../lib/json.ts'
import { AppRefused } from './refused.ts'

/** What the app says in its first contact, in the one form in which the rest of the program knows it. */
export interface Contact {
  readonly ids: DeviceIds
  readonly user: string
  readonly companyName: string
  readonly platform: Platform
  readonly appVersion: string
  /** As it came: `readPublicJwk` judges it. */
  readonly publicKey: unknown
  readonly mdmToken?: string
  readonly service?: string
}

const text = (longest: number) => z.string().min(1).max(longest)
const schema = z.strictObject({
  deviceId: text(512),
  deviceIdType: text(128),
  username: text(256),
  companyName: text(200),
  platform: z.enum(platforms),
  appVersion: text(32),
  publicKey: z.record(z.string(), z.unknown()),
  mdmToken: text(256).exactOptional(),
  service: text(64).exactOptional(),
})

/** @throws AppRefused, naming the member and never its value */
export function readContact(body: Uint8Array): Contact {
  const { data, error } = schema.safeParse(parsed(body))
  if (data === undefined) throw invalid(describe(error))
  const { deviceId, deviceIdType, username, ...same } = data
  return { ...same, user: userOf(username), ids: readDeviceIds(deviceIdType, deviceId) }
}

function parsed(body: Uint8Array): unknown {
  try {
    return parseStrictJson(body)
  } catch {
    throw invalid('the body is not JSON, or holds a member twice')
  }
}

function describe({ issues }: z.ZodError): string {
  const [issue] = issues
  if (issue?.code === 'unrecognized_keys') return 'the body has a member that is not known'
  const path = issue?.path.join('.') ?? ''
  return path === '' ? 'the body is no JSON object' : `${path} is missing or not valid`
}

function userOf(username: string): string {
  try {
    const user = normalUser(username)
    if (user !== undefined) return user
  } catch {
    // control characters or too long: said below
  }
  throw invalid('username is missing or not valid')
}

const kinds = {
  UDID: (id) => one('udid', normaliseUdid(id)),
  SERIAL: (id) => one('serial', normaliseSerial(id)),
  IMEI: (id) => several('imei', normaliseImei(id)),
  MEID: (id) => one('meid', normaliseMeid(id)),
  EAS: (id) => several('easDeviceId', normaliseEasId(id)),
  ENTRA: (id) => one('entraDeviceId', normaliseGuid(id)),
} as const satisfies Record<string, (id: string) => DeviceIds | undefined>

function one(
  kind: 'udid' | 'serial' | 'meid' | 'entraDeviceId',
  id: string | undefined,
): DeviceIds | undefined {
  return id === undefined ? undefined : { [kind]: id }
}

function several(kind: 'imei' | 'easDeviceId', id: string | undefined): DeviceIds | undefined {
  return id === undefined ? undefined : { [kind]: [id] }
}

/**
 * `UDID|IMEI` with `0000…|35…`: as many ids as types, each once (IMEI and EAS may stand twice: two SIM slots, two mail
 * apps). An id that the MDM did not know (its variable came through unfilled, or empty) is left out; one has to be left.
 */
function readDeviceIds(types: string, ids: string): DeviceIds {
  const names = types.split('|').map((name) => name.trim().toUpperCase())
  const values = ids.split('|')
  if (names.length !== values.length) throw invalid('deviceId and deviceIdType differ in their parts')
  if (names.length > 8) throw invalid('deviceIdType has too many parts')
  let found: DeviceIds = {}
  for (const [index, name] of names.entries()) {
    if (!Object.hasOwn(kinds, name))
      throw invalid(`deviceIdType must be made of ${Object.keys(kinds).join(', ')}, with | between`)
    const read = kinds[name as keyof typeof kinds](values[index] ?? '') // an own member, just looked
    if (read !== undefined) found = joined(found, read)
  }
  if (Object.keys(found).length === 0) throw invalid('deviceId holds no id that names a device')
  return found
}

function joined(found: DeviceIds, read: DeviceIds): DeviceIds {
  const imei = [...(found.imei ?? []), ...(read.imei ?? [])]
  const eas = [...(found.easDeviceId ?? []), ...(read.easDeviceId ?? [])]
  for (const kind of ['udid', 'serial', 'meid', 'entraDeviceId'] as const)
    if (found[kind] !== undefined && read[kind] !== undefined)
      throw invalid('deviceIdType names one kind twice')
  return {
    ...found,
    ...read,
    ...(imei.length > 0 && { imei: [...new Set(imei)] }),
    ...(eas.length > 0 && { easDeviceId: [...new Set(eas)] }),
  }
}

function invalid(help: string): AppRefused {
  return new AppRefused('app.request-invalid', help)
}
