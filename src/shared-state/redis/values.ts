import { z } from 'zod'
import { bindings, type DeviceDescription, platforms } from '../../domain/client-identity.ts'
import type { DeviceIds } from '../../domain/device-ids.ts'
import { evidenceKinds } from '../../domain/evidence.ts'
import { matches, type Posture, postureStates } from '../../domain/posture.ts'
import type { DeviceState, ManualBlock, Registration } from '../../domain/registration.ts'
import type { CachedState, RejectedValue } from '../ports.ts'

/** What stands in Redis for one key. `malformed` and `wrong-type` count for nothing: the record is asked. */
export type Found = CachedState | 'unknown' | undefined | RejectedValue

/** Every field of the domain's type has its place here: one that is new does not compile until it has one. */
function strict<Value>() {
  return <Shape extends Record<keyof Value, z.ZodType>>(shape: Shape) => z.strictObject(shape)
}

const text = z.string()
const when = z.number()
const optional = text.exactOptional()

const device = strict<DeviceDescription>()({
  type: optional,
  platform: z.enum(platforms).exactOptional(),
  model: optional,
  osVersion: optional,
  osVersionSince: when.exactOptional(),
  claimedId: optional,
  userAgent: optional,
})

const deviceIds = strict<DeviceIds>()({
  udid: optional,
  serial: optional,
  imei: z.array(text).exactOptional(),
  meid: optional,
  easDeviceId: z.array(text).exactOptional(),
  entraDeviceId: optional,
  enrollment: optional,
})

const registration = strict<Registration>()({
  id: text,
  service: text,
  user: text,
  binding: z.enum(bindings),
  device,
  deviceIds: deviceIds.exactOptional(),
  appDeviceId: optional,
  evidence: z.array(z.enum(evidenceKinds)),
  mdmTokenId: optional,
  networks: z.array(text),
  rule: text,
  source: text,
  registeredAt: when,
})

const posture = strict<Posture>()({
  state: z.enum(postureStates),
  match: z.enum(matches),
  vendor: optional,
  reason: optional,
  checkedAt: when.exactOptional(),
  device: optional,
  graceUntil: when.exactOptional(),
  reportedBy: z.array(text).exactOptional(),
  surplus: z.enum(['refused', 'waiting']).exactOptional(),
})

const block = strict<ManualBlock>()({ at: when, by: text, why: text })

const deviceState: z.ZodType<DeviceState> = strict<DeviceState>()({
  version: z.int().min(0),
  registration,
  posture,
  block: block.exactOptional(),
})

/** Reads what `findScript` gives for one key: its own value, and that of the state that it points to. */
export function readFound(pointer: unknown, state: unknown): Found {
  if (typeof pointer !== 'string' || typeof state !== 'string') return 'malformed'
  if (pointer === '-' || state === '-') return 'wrong-type'
  if (pointer === '' || /^!\d+$/.test(pointer)) return undefined
  if (/^\?\d+$/.test(pointer)) return 'unknown'
  const parts = /^=(\d+):(\d*):(.+)$/.exec(pointer)
  if (parts === null) return 'malformed'
  return readState(state, { version: Number(parts[1]), expires: parts[2] ?? '', id: parts[3] ?? '' })
}

interface Pointer {
  readonly version: number
  readonly expires: string
  readonly id: string
}

/** A state of another version than the key's is no state for it: the key may be another registration's by now. */
function readState(written: string, pointer: Pointer): Found {
  if (written === '') return undefined
  const parts = /^(\d+):(.*)$/s.exec(written)
  if (parts === null) return 'malformed'
  const [, version, json = ''] = parts
  if (json === '') return undefined
  const state = parse(json)
  if (state?.version !== Number(version) || state.registration.id !== pointer.id) return 'malformed'
  if (state.version !== pointer.version) return undefined
  return { state, ...(pointer.expires !== '' && { keyExpiresAt: Number(pointer.expires) }) }
}

function parse(json: string): DeviceState | undefined {
  try {
    return deviceState.safeParse(JSON.parse(json)).data
  } catch {
    return undefined
  }
}

export interface Position {
  readonly generation: string
  /** Undefined when it makes no sense. */
  readonly sequence: number | undefined
  /** Of the change with that sequence. */
  readonly mark: string
}

export function readPosition(reply: unknown): Position | undefined {
  const [generation, sequence, since, mark] = Array.isArray(reply) ? reply : []
  if (typeof generation !== 'string') return undefined
  const usable = isCount(sequence) && isCount(since)
  return {
    generation,
    sequence: usable ? Number(sequence) : undefined,
    mark: typeof mark === 'string' ? mark : '',
  }
}

function isCount(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,15}$/.test(value)
}
