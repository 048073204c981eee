import type { ClientKey } from '../domain/client-identity.ts'
import { unknownPosture } from '../domain/posture.ts'
import type { Registration } from '../domain/registration.ts'
import { restsOnRevokedApp } from './app-devices.ts'
import { spendApprovals } from './approvals.ts'
import { appendAudit } from './audit-log.ts'
import { spendTicket } from './binding-tickets.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import { restsOnActiveToken } from './mdm-tokens.ts'
import type { RegisterOutcome, Spent } from './ports.ts'
import { giveKeys, type Holder, holdersOf, losesLastKey } from './registration-keys.ts'
import { touch } from './registration-writes.ts'
import { toDeviceState } from './rows.ts'
import type { RegistrationRow } from './schema.ts'

export interface NewRegistration {
  readonly registration: Registration
  readonly keys: readonly ClientKey[]
  readonly clientsPerUser: number
  readonly spent: Spent
}

/** See `RegistrationWriter.register`. */
export async function register(db: Database, wanted: NewRegistration): Promise<RegisterOutcome> {
  const { registration, keys, clientsPerUser, spent } = wanted
  if (keys.length === 0) throw new TypeError('A registration needs a key by which the client is known again')
  const hashes = keys.map((key) => key.hash)
  return write(db, async (tx) => {
    const now = db.now()
    if (!(await restsOnActiveToken(tx, registration, now))) return { outcome: 'token-inactive' }
    if (await restsOnRevokedApp(tx, registration)) return { outcome: 'app-revoked' }
    const holders = await holdersOf(tx, hashes, now)
    if (!holders.every(({ row }) => isSameUser(row, registration))) return { outcome: 'key-taken' }
    const replaced: Holder[] = []
    for (const holder of holders) if (await losesLastKey(tx, holder, now)) replaced.push(holder)
    if (await isFull(tx, registration, clientsPerUser + replaced.length)) return { outcome: 'limit' }
    const use = { registration: registration.id, at: now }
    // Last of the checks: what is refused for another reason leaves the link as it is.
    if (spent.ticket !== undefined && !(await spendTicket(tx, spent.ticket, use)))
      return { outcome: 'ticket-used' }

    const row = await insert(tx, registration, holders)
    await giveKeys(tx, registration.id, keys)
    await spendApprovals(tx, spent.approvals ?? [], registration.user)
    await retire(tx, { registration, holders, replaced })
    return { outcome: 'registered', state: toDeviceState(row) }
  })
}

function isSameUser(row: RegistrationRow, registration: Registration): boolean {
  return row.user_name === registration.user && row.service === registration.service
}

/** Where nobody signs in, all registrations of a service are one user's: they are not counted beyond what matters. */
async function isFull(tx: WriteTransaction, registration: Registration, most: number): Promise<boolean> {
  if (most >= Number.MAX_SAFE_INTEGER) return false
  if (most < 1) return true
  const beyond = await tx
    .selectFrom('registrations')
    .select('id')
    .where('user_name', '=', registration.user)
    .where('service', '=', registration.service)
    .offset(most - 1)
    .limit(1)
    .executeTakeFirst()
  return beyond !== undefined
}

async function insert(
  tx: WriteTransaction,
  registration: Registration,
  holders: readonly Holder[],
): Promise<RegistrationRow> {
  const version = await appendChange(tx, 'registration', registration.id)
  const row = { ...toRow(registration), ...inherited(holders), version }
  await tx.insertInto('registrations').values(row).execute()
  await appendAudit(tx, {
    at: registration.registeredAt,
    action: 'registration.created',
    actor: 'gateway',
    subject: registration.id,
    details: {
      service: registration.service,
      user: registration.user,
      binding: registration.binding,
      evidence: registration.evidence,
      networks: registration.networks,
      rule: registration.rule,
      source: registration.source,
      ...(registration.appDeviceId !== undefined && { appDevice: registration.appDeviceId }),
    },
  })
  return row
}

/**
 * A client that registers again stays what it was: it must not get rid of a block or of a bad posture so, not even
 * when an administrator blocks it between the decision and this moment.
 */
function inherited(holders: readonly Holder[]) {
  const before = (holders.find(({ row }) => row.blocked === 1) ?? holders[0])?.row
  return {
    posture: before?.posture ?? JSON.stringify(unknownPosture),
    blocked: before?.blocked ?? 0,
    blocked_at: before?.blocked_at ?? null,
    blocked_by: before?.blocked_by ?? null,
    blocked_why: before?.blocked_why ?? null,
  }
}

function toRow(registration: Registration) {
  const { user, registeredAt, device, evidence, networks, ...same } = registration
  return {
    id: same.id,
    service: same.service,
    binding: same.binding,
    rule: same.rule,
    source: same.source,
    user_name: user,
    registered_at: registeredAt,
    device: JSON.stringify(device),
    evidence: JSON.stringify(evidence),
    networks: JSON.stringify(networks),
    mdm_token: same.mdmTokenId ?? null,
    device_ids: same.deviceIds === undefined ? null : JSON.stringify(same.deviceIds),
    app_device: same.appDeviceId ?? null,
  }
}

/** The registrations that lost keys: forgotten when nothing is left of them, otherwise announced as changed. */
async function retire(
  tx: WriteTransaction,
  change: { registration: Registration; holders: readonly Holder[]; replaced: readonly Holder[] },
): Promise<void> {
  const { registration, holders, replaced } = change
  for (const holder of holders) {
    const { id } = holder.row
    if (!replaced.includes(holder)) {
      await touch(tx, id)
      continue
    }
    await tx.deleteFrom('registrations').where('id', '=', id).execute()
    await appendChange(tx, 'registration', id)
    await appendAudit(tx, {
      at: registration.registeredAt,
      action: 'device.forgotten',
      actor: 'gateway',
      subject: id,
      why: `The client registered again as ${registration.id}`,
      details: { service: registration.service, user: registration.user },
    })
  }
}
