import { deviceIdKinds } from '../domain/device-ids.ts'
import type { ManagedDevice } from '../domain/managed-device.ts'
import type { Registration } from '../domain/registration.ts'
import { canonicalJson, type Json } from '../lib/canonical-json.ts'
import { normaliseEasId } from '../lib/device-id.ts'
import { sha256 } from '../lib/hash.ts'
import type { DeviceKey, KnownDigest, StoredDevice } from '../store/ports.ts'
import { idsOf } from './match.ts'
import { type Aliases, namesOf, namesOfDevice, userKeys } from './user-names.ts'
import { type VerdictRules, verdictEnds, verdictOf } from './verdict.ts'

/**
 * How often a device that only goes on contacting its MDM is written: so far may the record be behind with
 * `lastSeen`, so that a fleet that nothing happens to costs no writes.
 */
const lastSeenGrain = 6 * 3_600_000

export function digestOf(device: ManagedDevice, rules: VerdictRules): string {
  const { vendor, vendorDeviceId, lastSeen, ...body } = device
  // What JSON leaves out (undefined) says nothing; the cast says that nothing else in it is not JSON.
  const written = JSON.parse(JSON.stringify(body)) as Json
  // With the rules by which it is judged, so that other settings are seen to on the next sweep.
  return sha256(canonicalJson({ body: written, maxSilence: rules.maxSilence ?? 0, grace: rules.grace }))
}

export function isKnown(device: ManagedDevice, digest: string, known: KnownDigest | undefined): boolean {
  if (known?.digest !== digest) return false
  return Math.abs((device.lastSeen ?? 0) - (known.lastSeen ?? 0)) < lastSeenGrain
}

export function toStoredDevice(
  device: ManagedDevice,
  { digest, rules, now }: { readonly digest: string; readonly rules: VerdictRules; readonly now: number },
): StoredDevice {
  const dueAt = verdictEnds(device, rules)
  return {
    device,
    digest,
    learntAt: now,
    ...(dueAt !== undefined && dueAt > now && { dueAt }),
    askAgain: device.management !== 'gone' && verdictOf(device, rules, now).state === 'noncompliant',
    keys: keysOfDevice(device),
  }
}

export function keysOfDevice(device: ManagedDevice): readonly DeviceKey[] {
  return distinct([
    ...deviceIdKinds.flatMap((kind) => idsOf(device.ids, kind).map((value) => ({ kind, value }))),
    ...userKeys(namesOfDevice(device)).map((value) => ({ kind: 'user' as const, value })),
  ])
}

export function keysOfRegistration(
  { user, device, deviceIds = {} }: Registration,
  aliases: Aliases,
): readonly DeviceKey[] {
  const claimed = normaliseEasId(device.claimedId)
  return distinct([
    ...deviceIdKinds.flatMap((kind) => idsOf(deviceIds, kind).map((value) => ({ kind, value }))),
    ...(claimed === undefined ? [] : [{ kind: 'easDeviceId' as const, value: claimed }]),
    ...userKeys(namesOf(user, aliases)).map((value) => ({ kind: 'user' as const, value })),
  ])
}

/** Each key once, in one order. */
export function distinct(keys: readonly DeviceKey[]): readonly DeviceKey[] {
  return [...new Map(keys.map((key) => [keyName(key), key])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, key]) => key)
}

export function keyName({ kind, value }: DeviceKey): string {
  return `${kind}\n${value}`
}
