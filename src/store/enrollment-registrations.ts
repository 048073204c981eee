import type { DeviceIds } from '../domain/device-ids.ts'
import { deviceIdKinds } from '../domain/device-ids.ts'
import type { Enrollment } from '../domain/enrollment.ts'
import type { Registration } from '../domain/registration.ts'
import { normaliseEasId } from '../lib/device-id.ts'
import { sha256OfParts } from '../lib/hash.ts'
import type { WriteTransaction } from './database.ts'
import { deviceIdsOf, toDeviceState } from './rows.ts'

/**
 * The registrations of an enrolled device that are not blocked yet: those that rest on one of its identity
 * certificates, those whose evidence has proved one of its ids, and the mail apps of its user that have its ActiveSync id.
 */
export async function registrationsOf(
  tx: WriteTransaction,
  enrollment: Enrollment,
  publicKeys: readonly string[],
): Promise<readonly string[]> {
  const byCertificate = await withCertificates(tx, enrollment.id, publicKeys)
  const candidates = new Set([
    ...byCertificate,
    ...(await withMatchKeys(tx, enrollment.ids)),
    ...(await ofUser(tx, enrollment.user)),
  ])
  const found: string[] = []
  for (const id of candidates) {
    const row = await tx.selectFrom('registrations').selectAll().where('id', '=', id).executeTakeFirst()
    if (row === undefined || row.blocked === 1) continue
    const { registration } = toDeviceState(row)
    const ends =
      byCertificate.has(id) ||
      (isOfDevice(registration, enrollment) && !(await isOfAnother(tx, registration, enrollment)))
    if (ends) found.push(id)
  }
  return found
}

/**
 * Its user's own device is enrolled with the same id: ids are what a device says of itself, and by saying another's and leaving
 * again, anybody could have that one blocked.
 */
async function isOfAnother(
  tx: WriteTransaction,
  { user, deviceIds = {} }: Registration,
  { id, user: leaving }: Enrollment,
): Promise<boolean> {
  const name = bareName(user)
  if (leaving === undefined || bareName(leaving) === name) return false
  const rows = await tx
    .selectFrom('enrollments')
    .select(['id', 'user_name', 'ids'])
    .where('state', '=', 'enrolled')
    .where('id', '!=', id)
    .where((row) =>
      row.or([row('user_name', 'in', [user, name]), row('serial', '=', deviceIds.serial ?? '')]),
    )
    .limit(1000)
    .execute()
  return rows.some((row) => {
    const ids = deviceIdsOf(row.ids, `enrollment ${row.id}`)
    const isSame = deviceIdKinds.some((kind) => overlap(deviceIds[kind], ids[kind]))
    return isSame && row.user_name !== null && bareName(row.user_name) === name
  })
}

/** The keys under which a certificate is registered, one for each service (`clients/client-key.ts`). */
async function withCertificates(
  tx: WriteTransaction,
  enrollment: string,
  others: readonly string[],
): Promise<ReadonlySet<string>> {
  const identities = await tx
    .selectFrom('enrollment_identities')
    .select('public_key')
    .where('enrollment', '=', enrollment)
    .execute()
  const services = await registeredServices(tx)
  const publicKeys = new Set([...identities.map(({ public_key }) => public_key), ...others])
  const hashes = [...publicKeys].flatMap((publicKey) =>
    services.map((service) => sha256OfParts(service, 'certificate', publicKey)),
  )
  const found = new Set<string>()
  for (let start = 0; start < hashes.length; start += 500) {
    const rows = await tx
      .selectFrom('registration_keys')
      .select('registration_id')
      .where('hash', 'in', hashes.slice(start, start + 500))
      .execute()
    for (const row of rows) found.add(row.registration_id)
  }
  return found
}

/** One look into the index for each service: a million registrations are not read. */
export async function registeredServices(tx: WriteTransaction): Promise<readonly string[]> {
  const services: string[] = []
  for (;;) {
    const row = await tx
      .selectFrom('registrations')
      .select('service')
      .where('service', '>', services.at(-1) ?? '')
      .orderBy('service')
      .limit(1)
      .executeTakeFirst()
    if (row === undefined) return services
    services.push(row.service)
  }
}

async function withMatchKeys(tx: WriteTransaction, ids: DeviceIds): Promise<readonly string[]> {
  const keys = deviceIdKinds.flatMap((kind) => listOf(ids[kind]).map((value) => ({ kind, value })))
  if (keys.length === 0) return []
  const rows = await tx
    .selectFrom('registration_match_keys')
    .select('registration_id')
    .where((row) =>
      row.or(keys.map(({ kind, value }) => row.and([row('kind', '=', kind), row('value', '=', value)]))),
    )
    .execute()
  return rows.map((row) => row.registration_id)
}

async function ofUser(tx: WriteTransaction, user: string | undefined): Promise<readonly string[]> {
  if (user === undefined) return []
  const rows = await tx
    .selectFrom('registrations')
    .select('id')
    .where('user_name', '=', user)
    .limit(1000)
    .execute()
  return rows.map((row) => row.id)
}

function isOfDevice(registration: Registration, { ids, user }: Enrollment): boolean {
  const proven = registration.deviceIds ?? {}
  if (deviceIdKinds.some((kind) => overlap(proven[kind], ids[kind]))) return true
  // A claim: good together with its user's credentials only.
  const claimed = normaliseEasId(registration.device.claimedId)
  if (claimed === undefined || ids.easDeviceId?.includes(claimed) !== true) return false
  return user === undefined || bareName(user) === bareName(registration.user)
}

function overlap(
  a: string | readonly string[] | undefined,
  b: string | readonly string[] | undefined,
): boolean {
  const others = listOf(b)
  return listOf(a).some((one) => others.includes(one))
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

/** Without its domain: `corp\ann` and `ann@example.com` may be one person. */
function bareName(name: string): string {
  return name.replace(/^[^\\]*\\/, '').replace(/@.*$/s, '')
}
