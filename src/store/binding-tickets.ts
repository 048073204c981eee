import type { BindingTicket } from '../domain/app-device.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import type { BindingTickets, NewTicket, TicketOpening } from './ports.ts'
import { toAppDevice } from './rows.ts'
import type { AppDeviceRow, BindingTicketRow } from './schema.ts'

/** For so long after its end a link is told from one that never was. */
const rememberedFor = 24 * 60 * 60 * 1000

export function createBindingTickets(db: Database): BindingTickets {
  return {
    find: async (hash) =>
      toTicket(await tickets(db).where('binding_tickets.hash', '=', hash).executeTakeFirst()),
    async findHeld(service, holders, now) {
      if (holders.length === 0) return undefined
      const row = await usable(db, service, now)
        .where('holder', 'in', [...holders])
        .executeTakeFirst()
      return toTicket(row)
    },
    async findOpened(service, source, now) {
      const rows = await usable(db, service, now)
        .where('binding_tickets.source', '=', source)
        .orderBy('opened_at', 'desc')
        .limit(mostFromOneAddress)
        .execute()
      return rows.flatMap((row) => toTicket(row) ?? [])
    },
    open: (hash, opening) => write(db, (tx) => open(tx, hash, opening)),
  }
}

/** Many people may share an address; more than this open a link within five minutes only when somebody plays with it. */
const mostFromOneAddress = 200

function tickets(db: Database) {
  return db.read
    .selectFrom('binding_tickets')
    .innerJoin('app_devices', 'app_devices.id', 'binding_tickets.app_device_id')
    .selectAll('app_devices')
    .select([
      'binding_tickets.hash',
      'binding_tickets.service',
      'binding_tickets.expires_at',
      'binding_tickets.opened_at',
      'binding_tickets.holder',
      'binding_tickets.source as opened_from',
      'binding_tickets.used_at',
    ])
}

function usable(db: Database, service: string, now: number) {
  return tickets(db)
    .where('binding_tickets.service', '=', service)
    .where('binding_tickets.used_at', 'is', null)
    .where('binding_tickets.expires_at', '>', now)
}

/** A new link for a service ends the device's earlier ones, so that one at most is about. */
export async function makeTickets(
  tx: WriteTransaction,
  appDeviceId: string,
  made: readonly NewTicket[],
  now: number,
): Promise<void> {
  await tx
    .deleteFrom('binding_tickets')
    .where('expires_at', '<', now - rememberedFor)
    .execute()
  if (made.length === 0) return
  await tx
    .deleteFrom('binding_tickets')
    .where('app_device_id', '=', appDeviceId)
    .where(
      'service',
      'in',
      made.map(({ service }) => service),
    )
    .where('used_at', 'is', null)
    .execute()
  const rows = made.map(({ hash, service, expiresAt }) => ({
    hash,
    app_device_id: appDeviceId,
    service,
    expires_at: expiresAt,
    opened_at: null,
    holder: null,
    source: null,
    used_at: null,
    registration_id: null,
  }))
  await tx.insertInto('binding_tickets').values(rows).execute()
}

/** A link is opened once: whoever opens it again must show the same cookie or ticket, or come from the same address. */
async function open(
  tx: WriteTransaction,
  hash: string,
  { at, holder, source }: TicketOpening,
): Promise<'opened' | 'taken'> {
  const row = await tx
    .selectFrom('binding_tickets')
    .selectAll()
    .where('hash', '=', hash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', at)
    .executeTakeFirst()
  if (row === undefined) return 'taken'
  if (row.holder !== null && holder !== undefined && row.holder !== holder) return 'taken'
  if (row.source !== null && source !== undefined && row.source !== source) return 'taken'
  await tx
    .updateTable('binding_tickets')
    .set({
      opened_at: row.opened_at ?? at,
      holder: holder ?? row.holder,
      source: source ?? row.source,
    })
    .where('hash', '=', hash)
    .execute()
  return 'opened'
}

/** Within the registration's own transaction: of two that register with one ticket, one does. */
export async function spendTicket(
  tx: WriteTransaction,
  hash: string,
  spent: { readonly registration: string; readonly at: number },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('binding_tickets')
    .set({ used_at: spent.at, registration_id: spent.registration })
    .where('hash', '=', hash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', spent.at)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

type JoinedRow = AppDeviceRow &
  Pick<BindingTicketRow, 'hash' | 'service' | 'expires_at' | 'opened_at' | 'holder' | 'used_at'> & {
    readonly opened_from: string | null
  }

function toTicket(row: JoinedRow | undefined): BindingTicket | undefined {
  if (row === undefined) return undefined
  const device = toAppDevice(row)
  return {
    hash: row.hash,
    device,
    service: row.service,
    user: device.user,
    expiresAt: row.expires_at,
    ...(row.opened_at !== null && { openedAt: row.opened_at }),
    ...(row.holder !== null && { holder: row.holder }),
    ...(row.opened_from !== null && { source: row.opened_from }),
    ...(row.used_at !== null && { usedAt: row.used_at }),
  }
}
