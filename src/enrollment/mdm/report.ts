import type { Enrollment, InventoryPart } from '../../domain/enrollment.ts'
import type { CommandError, MdmCommand } from '../../domain/mdm-command.ts'
import { textField } from '../../lib/plist/fields.ts'
import { readPlistDict } from '../../lib/plist/read.ts'
import type { PlistDict } from '../../lib/plist/values.ts'
import type { CommandReport } from '../../store/enrollment-ports.ts'
import { errorsOf, failedItems, isGoneAlready } from '../commands/errors.ts'
import { findCommand } from '../commands/table.ts'
import { empty, plist, refusal } from './answers.ts'
import type { EnrollmentName } from './enrollment-id.ts'
import type { MdmAnswer, MdmDependencies } from './mdm.ts'

export interface Report {
  readonly name: EnrollmentName
  readonly dict: PlistDict
  /** Only whose it is, its status and its command are known of it. */
  readonly skimmed: boolean
  readonly body: Buffer
  /** The device's enrollment, also for a channel. */
  readonly enrollment: Enrollment
  /** Its identity has expired: it may be given its renewal, and nothing else. */
  readonly expired: boolean
  readonly at: number
}

/** Milliseconds; no finer does the record have it. */
const seenEvery = 60_000

/** Takes the report, and answers with the next command or with nothing. */
export async function answerReport(report: Report, deps: MdmDependencies): Promise<MdmAnswer> {
  const { name, dict, at } = report
  const { enrollments, pushOutbox } = deps.record
  const target = name.id === name.device ? report.enrollment : await enrollments.get(name.id)
  if (target === undefined || target.state === 'gone')
    return refusal(400, 'enrollment.unknown', { enrollment: name.id })
  const status = textField(dict, 'Status')
  if (status === undefined) return refusal(400, 'message.unknown', { enrollment: name.id })
  // It would change nothing, and cost a look into the record at each poll.
  if (target.lastSeenAt <= at - seenEvery) await enrollments.seen(name.id, at)
  // Before the next command is looked for: what is queued after that wants a push of its own.
  if (status === 'Idle') await pushOutbox.settlePush(name.id)
  const taken = status === 'Idle' ? undefined : await takeReport(report, status, deps)
  return nextAnswer(report, { status, taken }, deps)
}

interface Taken {
  readonly command: string | undefined
  readonly problem?: string
}

async function takeReport(report: Report, status: string, deps: MdmDependencies): Promise<Taken> {
  const { name, dict, at, body } = report
  const uuid = textField(dict, 'CommandUUID')
  if (uuid === undefined || uuid.length > 128)
    return { command: undefined, problem: 'report.without-command' }
  const before = await deps.record.mdmCommands.get(uuid)
  const ending = endingOf(report, status, before)
  const command = await deps.record.mdmCommands.report({
    ...{ uuid, enrollment: name.id, at, body, ...ending },
    ...(ending.state === 'not-now' && { notBefore: at + pauseAfter(before?.attempts ?? 1) }),
  })
  // It came twice, too late, or is about another device's command: nothing changes.
  if (command === undefined) return { command: uuid, problem: 'report.unexpected' }
  if (command.state === 'not-now') return { command: uuid }
  const problem = report.skimmed ? 'report.malformed' : await learn(report, command, deps)
  await tell(report, command, deps)
  if (command.state === 'format-error') return { command: uuid, problem: 'command.format-error' }
  return { command: uuid, ...(problem !== undefined && { problem }) }
}

type Ending = Pick<CommandReport, 'state' | 'errors'>

function endingOf({ dict, skimmed }: Report, status: string, command: MdmCommand | undefined): Ending {
  if (skimmed)
    return {
      state: status === 'Acknowledged' ? 'acknowledged' : 'error',
      errors: [{ domain: 'gatehouse', code: 0, description: 'the report could not be read' }],
    }
  const errors: readonly CommandError[] = errorsOf(dict)
  switch (status) {
    case 'Acknowledged':
      return { state: 'acknowledged', errors: command?.requestType === 'Settings' ? failedItems(dict) : [] }
    case 'NotNow':
      return { state: 'not-now', errors: [] }
    case 'CommandFormatError':
      return { state: 'format-error', errors }
    case 'Error':
      if (command !== undefined && isGoneAlready(command.requestType, errors))
        return { state: 'acknowledged', errors }
      return { state: 'error', errors }
    default:
      return {
        state: 'error',
        errors: [...errors, { domain: 'gatehouse', code: 0, description: `status ${status.slice(0, 64)}` }],
      }
  }
}

const minute = 60_000

/** Milliseconds until a push may call a device for what it could not do: longer each time. */
function pauseAfter(attempts: number): number {
  return Math.min(15 * minute * 2 ** Math.max(attempts - 1, 0), 240 * minute)
}

/** More than devices tell. What is longer is not kept, and what was known before stays. */
const mostInventoryBytes: Readonly<Record<InventoryPart, number>> = {
  'device-information': 64 * 1024,
  'security-info': 64 * 1024,
  profiles: 2 * 1024 * 1024,
  certificates: 2 * 1024 * 1024,
  applications: 4 * 1024 * 1024,
  'application-configurations': 1024 * 1024,
}

/** What the answer tells of the device. One that does not fit changes nothing but the note. */
async function learn(
  report: Report,
  command: MdmCommand,
  deps: MdmDependencies,
): Promise<string | undefined> {
  if (command.state !== 'acknowledged') return undefined
  const reading = findCommand(command.requestType)?.read
  if (reading === undefined) return undefined
  const read = reading(report.dict)
  if (read === undefined) return 'report.without-answer'
  if (Buffer.byteLength(JSON.stringify(read.values)) > mostInventoryBytes[read.part])
    return 'report.too-large'
  await deps.record.enrollments.putInventory(report.name.id, { ...read, at: report.at })
  return undefined
}

async function tell(report: Report, command: MdmCommand, { events }: MdmDependencies): Promise<void> {
  try {
    await events?.reported?.(command, report.skimmed ? undefined : report.dict)
  } catch (error) {
    events?.failed(error)
  }
}

async function nextAnswer(
  report: Report,
  { status, taken }: { readonly status: string; readonly taken: Taken | undefined },
  deps: MdmDependencies,
): Promise<MdmAnswer> {
  const { name, at, expired } = report
  const { mdmCommands, pushOutbox } = deps.record
  const note = {
    enrollment: name.id,
    ...(taken?.problem !== undefined && { problem: taken.problem }),
    ...(taken?.problem === 'command.format-error' && { level: 'error' as const }),
  }
  for (;;) {
    const next = await mdmCommands.next(name.id, { fresh: status === 'Idle', renewalOnly: expired, at })
    if (next === undefined) break
    const command = await payloadOf(next, name, deps)
    if (command !== undefined)
      return plist(
        { CommandUUID: next.uuid, Command: command },
        { ...note, outcome: 'command', command: next.uuid },
      )
  }
  // Whoever said NotNow last comes again by itself when it can; otherwise it has to be called.
  const deferred = status === 'NotNow' ? undefined : await mdmCommands.deferredUntil(name.id)
  if (deferred !== undefined) await pushOutbox.wantPush(name.id, Math.max(deferred, at))
  return empty({ ...note, outcome: status === 'Idle' ? 'idle' : 'report' })
}

/** @returns undefined when it cannot be sent; it has ended then */
async function payloadOf(
  command: MdmCommand,
  name: EnrollmentName,
  { record }: MdmDependencies,
): Promise<PlistDict | undefined> {
  const stored = await record.mdmCommands.payload(command.uuid)
  const dict = stored && readPlistDict(stored, { maxBytes: 64 * 1024 * 1024, maxNodes: 1_000_000 })
  if (dict === undefined || findCommand(command.requestType)?.unlocks !== true) return dict
  const { unlockToken } = await record.enrollments.secrets(name.device)
  if (unlockToken !== undefined) return { ...dict, UnlockToken: unlockToken }
  await record.mdmCommands.report({
    ...{ uuid: command.uuid, enrollment: name.id, state: 'error', at: command.sentAt ?? 0 },
    errors: [{ domain: 'gatehouse', code: 0, description: 'the device has given no unlock token' }],
  })
  return undefined
}
