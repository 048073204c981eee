import { setTimeout as delay } from 'node:timers/promises'
import type { AccessRightName } from '../../domain/access-rights.ts'
import type { Enrollment } from '../../domain/enrollment.ts'
import { writePlist } from '../../lib/plist/write.ts'
import type { Store } from '../../store/ports.ts'
import { buildCommand } from '../commands/build.ts'
import { deviceInformation } from '../commands/device-information.ts'
import { grantedTo } from '../commands/request-command.ts'
import { securityInfo } from '../commands/security-info.ts'

export interface InventoryOptions {
  readonly record: Pick<Store, 'enrollments' | 'mdmCommands' | 'pushOutbox'>
  /** What devices are asked for when they enroll: a question without its right is an error. */
  readonly rights: readonly AccessRightName[]
  readonly now: () => number
  readonly newUuid: () => string
}

const hour = 3_600_000
/** Milliseconds after which a device is asked again what it is and how safe. */
const askEvery = 6 * hour
/** Milliseconds without a word after which a device that has something to do is called again. */
const silence = hour
const betweenRounds = 10 * 60_000
const pageSize = 200

/** Asks a device about itself. What it was asked already and has not answered waits on. */
export async function askForInventory(enrollment: Enrollment, options: InventoryOptions): Promise<void> {
  const { record, now, newUuid } = options
  const { id } = enrollment
  const rights = grantedTo(enrollment, options.rights)
  for (const command of [deviceInformation, securityInfo]) {
    if (command.right !== undefined && rights?.includes(command.right) === false) continue
    const payload = writePlist(buildCommand(command, {}))
    await record.mdmCommands.enqueue(
      { uuid: newUuid(), enrollment: id, requestType: command.name, payload, routine: true, once: true },
      { name: 'enrollment', why: 'inventory', at: now() },
    )
  }
}

/** One round over all devices: whose inventory is old is asked; who has something to do and does not come is called again. */
export async function inventoryRound(options: InventoryOptions, signal: AbortSignal): Promise<void> {
  const { enrollments } = options.record
  let after: string | undefined
  do {
    const page = await enrollments.list({
      state: 'enrolled',
      limit: pageSize,
      ...(after !== undefined && { after }),
    })
    for (const enrollment of page)
      if (enrollment.parent === undefined && (await isOld(enrollment, options)))
        await askForInventory(enrollment, options)
    after = page.length < pageSize ? undefined : page.at(-1)?.id
    await delay(1)
  } while (after !== undefined && !signal.aborted)
  await callAgain(options, signal)
}

async function isOld({ id }: Enrollment, { record, now }: InventoryOptions): Promise<boolean> {
  const { 'device-information': known } = await record.enrollments.inventory(id)
  return known === undefined || known.at <= now() - askEvery
}

/** A command that was fetched and never reported has no push of its own any more. */
async function callAgain({ record, now }: InventoryOptions, signal: AbortSignal): Promise<void> {
  let after: string | undefined
  do {
    const ids = await record.mdmCommands.waiting({
      ...{ now: now(), limit: pageSize },
      ...(after !== undefined && { after }),
    })
    for (const id of ids) {
      const enrollment = await record.enrollments.get(id)
      const isSilent = enrollment?.pushable === true && enrollment.lastSeenAt <= now() - silence
      if (isSilent && (await record.pushOutbox.get(id)) === undefined)
        await record.pushOutbox.wantPush(id, now())
    }
    after = ids.length < pageSize ? undefined : ids.at(-1)
  } while (after !== undefined && !signal.aborted)
}

/** Rounds until `signal` is aborted. */
export async function inventoryRounds(options: InventoryOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await inventoryRound(options, signal)
    await delay(betweenRounds, undefined, { signal, ref: false }).catch(() => {})
  }
}
