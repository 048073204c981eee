import type { AccessRightName } from '../../domain/access-rights.ts'
import type { Actor } from '../../domain/actor.ts'
import type { Enrollment } from '../../domain/enrollment.ts'
import { normaliseSerial } from '../../lib/device-id.ts'
import { stringField } from '../../lib/plist/fields.ts'
import type { PlistDict } from '../../lib/plist/values.ts'
import { writePlist } from '../../lib/plist/write.ts'
import type { EnqueueOutcome } from '../../store/enrollment-ports.ts'
import type { Store } from '../../store/ports.ts'
import { buildCommand, CommandMistake } from './build.ts'
import type { CommandValues, DeviceCommand } from './command.ts'
import { findCommand } from './table.ts'

export interface RequestedCommand {
  readonly enrollment: Enrollment
  /** A command of the table with its values, or a dict of whatever RequestType. */
  readonly command: { readonly name: string; readonly values: CommandValues } | { readonly raw: PlistDict }
  readonly uuid: string
  /** What devices were asked for when they enrolled; undefined: not known here. */
  readonly rights: readonly AccessRightName[] | undefined
  /** The serial number of the device, typed once more: needed for what cannot be taken back. */
  readonly confirmSerial?: string
  readonly expiresAt?: number
}

/**
 * Queues a command for a device, after everything has been looked at that would make the device refuse it.
 * @throws CommandMistake, in words for whoever asks
 */
export async function requestCommand(
  request: RequestedCommand,
  record: Pick<Store, 'enrollments' | 'mdmCommands'>,
  by: Actor,
): Promise<void> {
  const { enrollment, uuid, expiresAt } = request
  const dict = dictOf(request)
  const requestType = stringField(dict, 'RequestType') ?? ''
  const known = findCommand(requestType)
  if (known !== undefined) await checkDevice(known, request, record)
  const outcome = await record.mdmCommands.enqueue(
    {
      ...{ uuid, enrollment: enrollment.id, requestType, payload: writePlist(dict) },
      ...(expiresAt !== undefined && { expiresAt }),
      ...(known?.destructive && { once: true }),
    },
    by,
  )
  if (outcome !== 'queued') throw new CommandMistake(words[outcome](requestType, enrollment.id))
}

const words: Readonly<Record<Exclude<EnqueueOutcome, 'queued'>, (type: string, id: string) => string>> = {
  unknown: (_, id) => `${id} is not enrolled any more`,
  full: (_, id) => `too many commands wait for ${id} already`,
  waiting: (type, id) => `${type} waits for ${id} already`,
}

function dictOf({ command }: RequestedCommand): PlistDict {
  if ('raw' in command) {
    const type = stringField(command.raw, 'RequestType')
    if (type === undefined || !/^[A-Za-z]{1,64}$/.test(type))
      throw new CommandMistake('the property list is no command: it has no RequestType')
    return command.raw
  }
  const known = findCommand(command.name)
  if (known === undefined) throw new CommandMistake(`there is no command ${command.name}`)
  return buildCommand(known, command.values)
}

async function checkDevice(
  command: DeviceCommand,
  { enrollment, rights, confirmSerial }: RequestedCommand,
  { enrollments }: Pick<Store, 'enrollments'>,
): Promise<void> {
  const { name, right } = command
  if (right !== undefined && rights !== undefined && !rights.includes(right))
    throw new CommandMistake(`${name} needs the access right ${right}, which devices were not asked for`)
  if (command.unlocks && !enrollment.unlockable)
    throw new CommandMistake(`${name} needs the unlock token, and this device has given none`)
  if (command.supervisedOnly) {
    const { 'device-information': known } = await enrollments.inventory(enrollment.id)
    const isMac = enrollment.device.platform === 'macos'
    if (known?.values.IsSupervised === false && !isMac)
      throw new CommandMistake(`${name} works on supervised devices only, and this one is not`)
  }
  if (command.destructive && !isConfirmed(enrollment, confirmSerial))
    throw new CommandMistake(
      `${name} cannot be taken back: give the serial number of the device (${enrollment.device.serial ?? enrollment.id}) as well`,
    )
}

/** A device without a serial number is named by its enrollment. */
function isConfirmed({ id, device, ids }: Enrollment, typed: string | undefined): boolean {
  if (typed === undefined) return false
  if (ids.serial === undefined && device.serial === undefined) return typed === id
  return typed === device.serial || normaliseSerial(typed) === ids.serial
}
