/**
 * Renewal of the identities of enrolled devices, before they end. A device is told to install its enrollment profile once more, with a
 * challenge for a new certificate in it (`command.ts`); it fetches that by SCEP and speaks with it from then on, which pins it
 * (`mdm/standing.ts`). Nothing but a device's coming is needed, and nobody has to do anything. What is to be done about one identity is
 * decided in `step.ts`, from the record alone: whichever process makes the next round goes on with it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { waitingStates } from '../../domain/mdm-command.ts'
import type { Store } from '../../store/ports.ts'
import type { EndingIdentity, Renewal } from '../../store/renewal-ports.ts'
import { type CommandOptions, renewalCommand } from './command.ts'
import { type RenewalSettings, type RenewalStep, renewalStep } from './step.ts'

export interface RenewalOptions extends CommandOptions {
  readonly record: Pick<Store, 'renewals' | 'enrollments' | 'certificates' | 'mdmCommands' | 'scepChallenges'>
  readonly when: RenewalSettings
  /** When a certificate that was issued now would end; undefined: that is not in our hands. */
  readonly newEnd: () => Promise<number | undefined>
  readonly now: () => number
  readonly newUuid: () => string
  readonly events: RenewalEvents
}

export interface RenewalEvents {
  onSent(enrollment: string): void
  onRenewed(enrollment: string): void
  onFailed(renewal: Renewal): void
  /** Nothing could be done for this device; the others go on. */
  onError(enrollment: string, error: unknown): void
  /** At the end of a round. */
  onRound(round: { readonly failing: number; readonly pointless: number }): void
}

const pageSize = 200
/** So long the device may take to fetch the profile; then a new one is made when it has come again. */
const challengeLife = 7 * 24 * 60 * 60 * 1000

/** Devices in a row that nothing could be done for: then it is hardly the devices. */
const mostFailures = 5

/**
 * One round over all identities that end soon, and over all renewals that are under way.
 * @throws what several devices in a row have failed with, such as a record that is away
 */
export async function renewalRound(options: RenewalOptions, signal: AbortSignal): Promise<void> {
  const { record, when, now, events } = options
  let pointless = 0
  await pages(
    (after) => record.renewals.ending({ before: now() + when.renewBefore, limit: pageSize, ...after }),
    async (ending) => {
      if ((await tend(ending, options)) === 'pointless') pointless += 1
    },
    { events, signal },
  )
  await pages(
    (after) => record.renewals.list({ limit: pageSize, ...after }),
    (renewal) => settle(renewal, options),
    { events, signal },
  )
  events.onRound({ failing: await record.renewals.countFailed(), pointless })
}

async function pages<One extends { readonly enrollment: string }>(
  read: (after: { readonly after?: string }) => Promise<readonly One[]>,
  take: (one: One) => Promise<void>,
  { events, signal }: { readonly events: RenewalEvents; readonly signal: AbortSignal },
): Promise<void> {
  let after: string | undefined
  let failures = 0
  do {
    const page = await read(after === undefined ? {} : { after })
    for (const one of page) {
      if (signal.aborted) return
      try {
        await take(one)
        failures = 0
      } catch (error) {
        if (signal.aborted || ++failures >= mostFailures) throw error
        events.onError(one.enrollment, error)
      }
    }
    after = page.length < pageSize ? undefined : page.at(-1)?.enrollment
    await delay(1)
  } while (after !== undefined)
}

async function tend({ enrollment: id, identity }: EndingIdentity, options: RenewalOptions) {
  const { record, when, newEnd, now } = options
  const [enrollment, renewal] = await Promise.all([record.enrollments.get(id), record.renewals.get(id)])
  if (enrollment === undefined) return undefined
  const command = renewal?.command === undefined ? undefined : await record.mdmCommands.get(renewal.command)
  const { lastSeenAt } = enrollment
  const step = renewalStep({
    ...{ identity, renewal, command, lastSeenAt, settings: when },
    ...{ newEnd: await newEnd(), now: now() },
  })
  const former = renewal?.serial === identity.serial ? renewal : undefined
  await take(step, { enrollment, identity, former }, options)
  return step.kind
}

interface Subject {
  readonly enrollment: NonNullable<Awaited<ReturnType<Store['enrollments']['get']>>>
  readonly identity: EndingIdentity['identity']
  readonly former: Renewal | undefined
}

async function take(step: RenewalStep, subject: Subject, options: RenewalOptions): Promise<void> {
  const { record, now, events } = options
  const { enrollment, identity, former } = subject
  if (step.kind === 'send') return send(step, subject, options)
  if (step.kind !== 'fail') return
  const failed: Renewal = {
    ...{ enrollment: enrollment.id, serial: identity.serial, at: now() },
    state: 'failed',
    attempts: (former?.attempts ?? 0) + 1,
    error: step.error.slice(0, 1000),
    ...(former?.command !== undefined && { command: former.command }),
    ...(step.dueAt !== undefined && { dueAt: step.dueAt }),
  }
  await record.renewals.put(failed)
  events.onFailed(failed)
}

/** First the row, then the command: after a crash in between, the row names a command that nobody knows, and it is sent again. */
async function send(
  { cancel }: Extract<RenewalStep, { readonly kind: 'send' }>,
  { enrollment, identity, former }: Subject,
  options: RenewalOptions,
): Promise<void> {
  const { record, when, now, newUuid, events } = options
  const at = now()
  const by = { name: 'enrollment', why: 'the identity of the device is renewed', at }
  if (cancel !== undefined) await record.mdmCommands.cancel(cancel, { ...by, why: 'its challenge has ended' })
  const { id } = enrollment
  const uuid = newUuid()
  const expiresAt = Math.min(at + challengeLife, identity.notAfter + when.renewalGrace)
  const attempts = former?.attempts ?? 0
  await record.renewals.put({
    ...{ enrollment: id, serial: identity.serial, state: 'sent', command: uuid, attempts, at },
    ...(former?.error !== undefined && { error: former.error }),
  })
  const payload = await renewalCommand({ enrollment, identity, at, expiresAt }, options)
  const outcome = await record.mdmCommands.enqueue(
    { uuid, enrollment: id, requestType: 'InstallProfile', payload, renewal: true, expiresAt },
    by,
  )
  if (outcome === 'queued') events.onSent(id)
  if (outcome === 'waiting') await adopt(id, record)
}

/** Another process has been faster: its command is the one that counts. */
async function adopt(enrollment: string, record: RenewalOptions['record']): Promise<void> {
  const commands = await record.mdmCommands.list({ enrollment, states: waitingStates, limit: 1000 })
  const [waiting, renewal] = [commands.find((one) => one.renewal), await record.renewals.get(enrollment)]
  if (waiting !== undefined && renewal?.state === 'sent')
    await record.renewals.put({ ...renewal, command: waiting.uuid })
}

/** The device speaks with another identity, or is enrolled no more. */
async function settle({ enrollment: id, serial, command }: Renewal, options: RenewalOptions): Promise<void> {
  const { record, now, events } = options
  const enrollment = await record.enrollments.get(id)
  const isEnrolled = enrollment?.state === 'enrolled'
  const present = isEnrolled ? await record.certificates.byFingerprint(enrollment.certificate) : undefined
  if (present?.serial === serial) return
  const waiting = command === undefined ? undefined : await record.mdmCommands.get(command)
  // One that the device is carrying out may end as it likes.
  if (command !== undefined && (waiting?.state === 'queued' || waiting?.state === 'not-now'))
    await record.mdmCommands.cancel(command, {
      ...{ name: 'enrollment', why: 'there is nothing to renew any more', at: now() },
    })
  await record.renewals.forget(id)
  if (isEnrolled) events.onRenewed(id)
}
