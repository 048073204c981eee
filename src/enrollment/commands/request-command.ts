import { type AccessRightName, accessRightsIn } from '../../domain/access-rights.ts'
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
  /** What the settings ask devices for; undefined: not known here. What a device was asked for itself goes before it. */
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
  const isUsers = enrollment.kind === 'user-enrollment' || enrollment.kind === 'user-enrollment-user'
  checkKind(command, enrollment)
  const granted = grantedTo(enrollment, rights)
  if (!isUsers && right !== undefined && granted !== undefined && !granted.includes(right))
    throw new CommandMistake(
      `${name} needs the access right ${right}, which this device was not asked for when it enrolled`,
    )
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

/**
 * What was asked for when it enrolled is what counts, whatever the settings ask for now.
 * @param settings of devices of which that is not known
 */
export function grantedTo(
  { accessRights }: Pick<Enrollment, 'accessRights'>,
  settings: readonly AccessRightName[] | undefined,
): readonly AccessRightName[] | undefined {
  return accessRights === undefined ? settings : accessRightsIn(accessRights)
}

function checkKind(
  { name, userEnrollment, deviceOnly }: DeviceCommand,
  { kind, device, parent }: Enrollment,
): void {
  const isUsers = kind === 'user-enrollment' || kind === 'user-enrollment-user'
  const isMac = device.platform === 'macos'
  if (isUsers && (userEnrollment === 'forbidden' || (isMac && userEnrollment === 'forbidden-on-macs')))
    throw new CommandMistake(
      `${name} is not possible: the device belongs to its user (user enrollment)${isMac ? '' : ', and the organisation manages a part of it only'}`,
    )
  if (deviceOnly && parent !== undefined)
    throw new CommandMistake(
      `${name} is for the device, and this is one person’s channel of it: name the device, ${parent}`,
    )
}

/** A device without a serial number is named by its enrollment. */
function isConfirmed({ id, device, ids }: Enrollment, typed: string | undefined): boolean {
  if (typed === undefined) return false
  if (ids.serial === undefined && device.serial === undefined) return typed === id
  if (typed === device.serial) return true
  // One that is a placeholder is none, and neither is what was typed then.
  return ids.serial !== undefined && normaliseSerial(typed) === ids.serial
}
