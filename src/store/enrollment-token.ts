import type { Seal } from '../lib/seal.ts'
import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import type { WriteTransaction } from './database.ts'
import type { TokenUpdate } from './enrollment-ports.ts'
import type { EnrollmentRow } from './schema.ts'

export async function takeToken(
  tx: WriteTransaction,
  update: TokenUpdate,
  seal: Seal,
): Promise<'enrolled' | 'refreshed' | 'unknown' | 'full'> {
  const { id, at } = update
  const before = await find(tx, id)
  if (before === undefined || update.channel !== undefined) {
    if (before?.state !== 'enrolled' && (await isFull(tx, update, before))) return 'full'
    if (!(await openChannel(tx, update, before))) return 'unknown'
  } else if (before.state !== 'pending' && before.state !== 'enrolled') return 'unknown'
  await tx.updateTable('enrollments').set(tokenOf(update, seal)).where('id', '=', id).execute()
  await appendChange(tx, 'enrollment', id)
  if (before?.state === 'enrolled') return 'refreshed'
  await appendAudit(tx, {
    at,
    action: 'enrollment.enrolled',
    actor: 'enrollment',
    subject: id,
    details: { ...(before?.user_name && { user: before.user_name }) },
  })
  return 'enrolled'
}

function tokenOf(update: TokenUpdate, seal: Seal): Partial<EnrollmentRow> {
  const { id, unlockToken, at } = update
  return {
    state: 'enrolled',
    topic: update.topic,
    token: seal.close(update.token, `token ${id}`),
    magic: seal.close(Buffer.from(update.magic), `magic ${id}`),
    token_at: at,
    // It comes now and then only: without the last one the passcode could not be cleared any more.
    ...(unlockToken !== undefined && { unlock_token: seal.close(unlockToken, `unlock ${id}`) }),
    awaiting: update.awaitingConfiguration ? 1 : 0,
    last_seen_at: at,
  }
}

/** People of one device: those whose channel is open, and all that it ever had. Whoever holds a device's key could name any number. */
const mostChannels = { open: 200, ever: 1000 }

async function isFull(
  tx: WriteTransaction,
  { channel }: TokenUpdate,
  before: EnrollmentRow | undefined,
): Promise<boolean> {
  if (channel === undefined) return false
  const { ever, open } = await tx
    .selectFrom('enrollments')
    .select((row) => [
      row.fn.countAll<number>().as('ever'),
      row.fn.count<number>(row.case().when('state', '!=', 'gone').then(1).end()).as('open'),
    ])
    .where('parent', '=', channel.parent)
    .executeTakeFirstOrThrow()
  return Number(open) >= mostChannels.open || (before === undefined && Number(ever) >= mostChannels.ever)
}

/** A person's channel appears with its first token, on a device that is enrolled. */
async function openChannel(
  tx: WriteTransaction,
  { id, channel, topic, at }: TokenUpdate,
  before: EnrollmentRow | undefined,
): Promise<boolean> {
  if (channel === undefined) return false
  const parent = await find(tx, channel.parent)
  if (parent?.state !== 'enrolled') return false
  if (before !== undefined && before.parent !== parent.id) return false
  const row = {
    ...{ id, kind: channel.kind, parent: parent.id, state: before?.state ?? 'pending' },
    ...{ user_name: parent.user_name, ids: '{}', serial: null, topic },
    device: JSON.stringify(channel.user === undefined ? {} : { channelUser: channel.user }),
    certificate: parent.certificate,
    ...{
      created_at: before?.created_at ?? at,
      authenticated_at: before?.authenticated_at ?? at,
      last_seen_at: at,
    },
    ...{ ended_at: null, ended_by: null, ended_why: null, awaiting: 0 },
    access_rights: parent.access_rights,
  }
  const empty = { token: null, magic: null, token_at: null, unlock_token: null, bootstrap_token: null }
  if (before === undefined)
    await tx
      .insertInto('enrollments')
      .values({ ...row, ...empty })
      .execute()
  else await tx.updateTable('enrollments').set(row).where('id', '=', id).execute()
  return true
}

function find(tx: WriteTransaction, id: string): Promise<EnrollmentRow | undefined> {
  return tx.selectFrom('enrollments').selectAll().where('id', '=', id).executeTakeFirst()
}
