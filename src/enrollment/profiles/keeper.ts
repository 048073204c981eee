import { followChanges } from '../../devices/changes.ts'
import { accessRightsIn } from '../../domain/access-rights.ts'
import type { Enrollment } from '../../domain/enrollment.ts'
import type { IssuedCertificate } from '../../domain/issued-certificate.ts'
import { writePlist } from '../../lib/plist/write.ts'
import type { Notices } from '../../shared-state/ports.ts'
import type { Store } from '../../store/ports.ts'
import type { DeviceProfile, EnrolledPerson } from '../../store/profile-ports.ts'
import { CmsError } from '../cms/cms.ts'
import { isAssigned, type Subject, variablesOf } from './assignment.ts'
import {
  NotForUserEnrollment,
  type Organisation,
  ProfilesNotGranted,
  type ProfileTemplate,
  type Recipient,
  revisionFor,
  templateOf,
} from './build-profile.ts'
import { type DeliveryOptions, installCommand, NoRecipient, removeCommand } from './deliver.ts'
import { replacedBy } from './generation.ts'
import { profilePrefix } from './identifiers.ts'
import { afterCommand, failed } from './outcome.ts'
import { planProfiles, type Step, type Wanted } from './plan.ts'
import type { Profile } from './profile.ts'
import { reportedProfiles } from './reported.ts'
import { MissingVariable } from './variables.ts'

export interface KeeperOptions extends Omit<DeliveryOptions, 'record'> {
  readonly record: KeeperRecord
  /** Undefined: changes are seen at the next look. */
  readonly notices?: Pick<Notices, 'onNotice'>
  /** Those in force. */
  readonly profiles: () => readonly Profile[]
  readonly organisation: Organisation
  /** Profiles a minute that are sent or removed. */
  readonly pace: number
  /** Milliseconds after which a device is asked again what it has. */
  readonly check: number
  /** Milliseconds before its end at which a certificate that came with a profile is renewed. */
  readonly renewBefore: number
  readonly newUuid: () => string
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  readonly events: KeeperEvents
}

export type KeeperRecord = DeliveryOptions['record'] &
  Pick<Store, 'enrollments' | 'mdmCommands' | 'deviceProfiles' | 'enrolledPeople' | 'changes'>

export interface KeeperEvents {
  onStep(enrollment: string, step: Step): void
  onFailed(profile: DeviceProfile): void
  onError(error: unknown): void
}

/** Enrollments that are looked at in one go. */
const pageSize = 100
/** Milliseconds from the end of one pass over all devices to the next: what nobody announces is time going by. */
const betweenPasses = 10 * 60_000
const idle = 5_000
const mostDirty = 20_000

/**
 * Sees to it that every device has the profiles that are assigned to it, in the revision of now, and no other of ours:
 * all of them again and again, and at once those that have just been enrolled, have answered, or are named by a command. One process
 * does it, under a lease; what it was doing when it died is done by the next, which finds the same plan.
 */
export class ProfileKeeper {
  readonly #options: KeeperOptions
  readonly #dirty = new Set<string>()
  #templates: { readonly of: readonly Profile[]; readonly made: readonly ProfileTemplate[] } | undefined
  #after: string | undefined
  #passing = true
  #passes = 0
  #nextPass = 0
  #allowance: number
  #refilled: number
  #wake: (() => void) | undefined

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#allowance = options.pace
    this.#refilled = options.now()
  }

  /** Other profiles hold: every device is looked at. */
  profilesChanged(): void {
    this.#after = undefined
    this.#passing = true
    this.#passes += 1
    this.#wake?.()
  }

  /** Until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { record, notices, events } = this.#options
    const follower = followChanges({
      changes: record.changes,
      ...(notices && { notices }),
      onChange: ({ kind, subject }) => {
        if (kind !== 'enrollment') return
        if (this.#dirty.size >= mostDirty) this.profilesChanged()
        else this.#dirty.add(subject)
        this.#wake?.()
      },
      onGap: () => this.profilesChanged(),
      onError: (error) => events.onError(error),
    })
    try {
      while (!signal.aborted) await this.#turn(signal)
    } finally {
      follower.close()
    }
  }

  /** One look at one device. @returns what was done */
  async keep(enrollment: Enrollment): Promise<readonly Step[]> {
    const { record } = this.#options
    const rows = await record.deviceProfiles.of([enrollment.id])
    const people = await this.#people([enrollment])
    return this.#keepOne(enrollment, { rows, people })
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { now, sleep, events } = this.#options
    try {
      if (!(await this.#hasAllowance(signal))) return
      if (this.#dirty.size > 0) return await this.#tendDirty()
      if (this.#passing) return await this.#tendPage()
      if (now() >= this.#nextPass) return this.profilesChanged()
    } catch (error) {
      if (!signal.aborted) events.onError(error)
    }
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await sleep(idle, AbortSignal.any([signal, woken.signal])).catch(() => {})
    this.#wake = undefined
  }

  /** A bucket that fills evenly: a change for very many goes out at the pace, and the first minute's worth at once. */
  async #hasAllowance(signal: AbortSignal): Promise<boolean> {
    const { now, pace, sleep } = this.#options
    const at = now()
    const earned = (Math.max(at - this.#refilled, 0) * pace) / 60_000
    this.#allowance = Math.min(this.#allowance + earned, pace)
    this.#refilled = at
    if (this.#allowance >= 1) return true
    await sleep(Math.ceil(60_000 / pace), signal).catch(() => {})
    return false
  }

  async #tendDirty(): Promise<void> {
    const { record } = this.#options
    const [id] = this.#dirty
    if (id === undefined) return
    const enrollment = await record.enrollments.get(id)
    this.#dirty.delete(id)
    if (enrollment?.state === 'enrolled') await this.keep(enrollment)
  }

  async #tendPage(): Promise<void> {
    const { record, now } = this.#options
    const [after, pass] = [this.#after, this.#passes]
    const page = await record.enrollments.list({
      state: 'enrolled',
      limit: pageSize,
      ...(after !== undefined && { after }),
    })
    const last = page.at(-1)
    if (last === undefined) {
      this.#passing = false
      this.#nextPass = now() + betweenPasses
      return
    }
    const rows = Map.groupBy(
      await record.deviceProfiles.of(page.map(({ id }) => id)),
      ({ enrollment }) => enrollment,
    )
    const people = await this.#people(page)
    for (const enrollment of page) {
      // What is left of the page is looked at again when there is allowance.
      if (this.#allowance < 1) return
      await this.#keepOne(enrollment, { rows: rows.get(enrollment.id) ?? [], people })
      // Unless it has begun anew meanwhile.
      if (this.#passes !== pass) return
      this.#after = enrollment.id
      // The record may answer without ever letting anything else run.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #people(enrollments: readonly Enrollment[]): Promise<ReadonlyMap<string, EnrolledPerson>> {
    return this.#options.record.enrolledPeople.of(enrollments.flatMap(({ user }) => user ?? []))
  }

  async #keepOne(
    enrollment: Enrollment,
    {
      rows,
      people,
    }: { readonly rows: readonly DeviceProfile[]; readonly people: ReadonlyMap<string, EnrolledPerson> },
  ): Promise<readonly Step[]> {
    const { record, organisation, now } = this.#options
    const person = enrollment.user === undefined ? undefined : people.get(enrollment.user.toLowerCase())
    const known = await this.#settle(enrollment, rows)
    const inventory = await record.enrollments.inventory(enrollment.id)
    const reported = reportedProfiles(inventory, profilePrefix(organisation.identifier))
    const fresh = reported !== undefined && reported.at >= enrollment.authenticatedAt ? reported : undefined
    const device = new Device({ enrollment, person }, organisation, await this.#certificates(enrollment))
    const wanted = await this.#wanted(device, known)
    const steps = planProfiles({ wanted, known, reported: fresh, now: now() })
    for (const step of steps) await this.#take(step, device, known)
    await this.#askProfiles(enrollment, fresh?.at)
    return steps
  }

  /** What became of what was sent. What was done before the device was enrolled anew is no more. */
  async #settle(
    { id, authenticatedAt }: Enrollment,
    rows: readonly DeviceProfile[],
  ): Promise<readonly DeviceProfile[]> {
    const { record, now, events } = this.#options
    const stays: DeviceProfile[] = []
    const changed: DeviceProfile[] = []
    const gone: string[] = []
    for (const row of rows) {
      const command =
        row.state === 'sent' && row.command !== undefined
          ? await record.mdmCommands.get(row.command)
          : undefined
      const answered = row.at < authenticatedAt ? undefined : afterCommand(row, command, now())
      const after = answered && this.#withRequired(answered)
      if (after === undefined) gone.push(row.identifier)
      else stays.push(after)
      if (after === undefined || after === row) continue
      changed.push(after)
      if (after.state === 'failed' && row.state !== 'failed') events.onFailed(after)
    }
    await record.deviceProfiles.put(changed)
    await record.deviceProfiles.forget(id, gone)
    return stays
  }

  /** What cannot be made for this device is noted, and what it may have of it stays as it is. */
  async #wanted(device: Device, known: readonly DeviceProfile[]): Promise<readonly Wanted[]> {
    const wanted: Wanted[] = []
    for (const template of this.#all()) {
      if (!isAssigned(template.profile, device.subject)) continue
      const { identifier } = template
      try {
        refuseWithoutRight(device.enrollment)
        wanted.push({ identifier, revision: revisionFor(template, device.recipientOf(template)) })
      } catch (error) {
        const row = known.find((one) => one.identifier === identifier)
        await this.#cannot(device, template, { error, row })
        wanted.push({ identifier, revision: row?.revision ?? '' })
      }
    }
    return wanted
  }

  async #take(step: Step, device: Device, known: readonly DeviceProfile[]): Promise<void> {
    const { record, now, events } = this.#options
    const { enrollment } = device.subject
    const row = known.find(({ identifier }) => identifier === step.identifier)
    if (step.kind === 'forget') return record.deviceProfiles.forget(enrollment.id, [step.identifier])
    if (step.kind === 'adopt') {
      const { identifier, revision } = step
      const at = now()
      return record.deviceProfiles.put([
        {
          enrollment: enrollment.id,
          identifier,
          revision,
          required: this.#isRequired(identifier),
          action: 'install',
          state: 'done',
          attempts: 0,
          at,
        },
      ])
    }
    if (step.cancel !== undefined)
      await record.mdmCommands.cancel(step.cancel, this.#actor('a newer one takes its place'))
    if (step.kind === 'remove') {
      await this.#send(device, { step, row, payload: removeCommand(step.identifier) })
    } else {
      const template = this.#all().find(({ identifier }) => identifier === step.identifier)
      if (template === undefined || step.revision === '') return
      try {
        const command = await installCommand(
          template,
          { enrollment, recipient: device.recipientOf(template) },
          this.#options,
        )
        await this.#send(device, { step, row, ...command })
      } catch (error) {
        return this.#cannot(device, template, { error, row, revision: step.revision })
      }
    }
    events.onStep(enrollment.id, step)
  }

  /** First the row, then the command: after a crash in between, the row names a command that nobody knows, and it is sent again. */
  async #send({ subject: { enrollment } }: Device, sending: Sending): Promise<void> {
    const { record, now, newUuid } = this.#options
    const { step, row, payload, expiresAt } = sending
    this.#allowance -= 1
    const [uuid, action] = [newUuid(), step.kind]
    const revision = step.kind === 'install' ? step.revision : (row?.revision ?? '')
    const attempts = row?.action === action && row.revision === revision ? row.attempts : 0
    const { identifier } = step
    const required = action === 'install' && this.#isRequired(identifier)
    const sent = {
      identifier,
      revision,
      action,
      attempts,
      required,
      state: 'sent',
      command: uuid,
      at: now(),
    } as const
    await record.deviceProfiles.put([{ enrollment: enrollment.id, ...sent }])
    await record.mdmCommands.enqueue(
      {
        ...{ uuid, enrollment: enrollment.id, payload },
        requestType: action === 'install' ? 'InstallProfile' : 'RemoveProfile',
        ...(expiresAt !== undefined && { expiresAt }),
      },
      this.#actor(`profile ${identifier}`),
    )
  }

  /** Noted once, not at each look. @throws what is no property of the profile or the device */
  async #cannot(
    { subject: { enrollment } }: Device,
    { identifier }: ProfileTemplate,
    {
      error,
      row,
      revision = row?.revision ?? '',
    }: { error: unknown; row: DeviceProfile | undefined; revision?: string },
  ): Promise<void> {
    const { record, now, events } = this.#options
    if (!isForGood(error)) throw error
    if (row?.state === 'failed' && row.error === error.message && (row.dueAt ?? 0) > now()) return
    const required = this.#isRequired(identifier)
    const base = { ...(row ?? { enrollment: enrollment.id, identifier, attempts: 0, at: now() }), required }
    const { command: _, ...rest } = { command: undefined, ...base }
    const note = failed({ ...rest, revision, action: 'install', state: 'failed' }, error.message, now())
    await record.deviceProfiles.put([note])
    events.onFailed(note)
  }

  /** Those that profiles brought, and when such a one is renewed. */
  async #certificates({ id }: Enrollment): Promise<Certificates> {
    const { record, now, renewBefore } = this.#options
    const issues = this.#all().some((template) => template.issues)
    return {
      issued: issues ? await record.certificates.ofEnrollment(id) : [],
      endsBefore: now() + renewBefore,
    }
  }

  async #askProfiles({ id, accessRights }: Enrollment, at: number | undefined): Promise<void> {
    const { record, now, check, newUuid } = this.#options
    if (at !== undefined && at > now() - check) return
    if (accessRights !== undefined && !accessRightsIn(accessRights).includes('inspect-profiles')) return
    const payload = writePlist({ RequestType: 'ProfileList' })
    const command = {
      uuid: newUuid(),
      enrollment: id,
      requestType: 'ProfileList',
      payload,
      once: true,
      routine: true,
    }
    if ((await record.mdmCommands.enqueue(command, this.#actor('which profiles are there?'))) === 'queued')
      this.#allowance -= 1
  }

  #all(): readonly ProfileTemplate[] {
    const { profiles, organisation } = this.#options
    const current = profiles()
    if (this.#templates?.of !== current)
      this.#templates = { of: current, made: current.map((profile) => templateOf(profile, organisation)) }
    return this.#templates.made
  }

  /** The file may say something else of it than it did. */
  #withRequired(row: DeviceProfile): DeviceProfile {
    const required = row.action === 'install' && this.#isRequired(row.identifier)
    return row.required === required ? row : { ...row, required }
  }

  #isRequired(identifier: string): boolean {
    return this.#all().some((template) => template.identifier === identifier && template.profile.required)
  }

  #actor(why: string) {
    return { name: 'profiles', why, at: this.#options.now() }
  }
}

interface Sending {
  readonly step: Extract<Step, { readonly kind: 'install' | 'remove' }>
  readonly row: DeviceProfile | undefined
  readonly payload: Buffer
  readonly expiresAt?: number
}

interface Certificates {
  readonly issued: readonly IssuedCertificate[]
  readonly endsBefore: number
}

/** One enrolled device, as profiles see it. */
class Device {
  readonly subject: Subject
  readonly enrollment: Enrollment
  readonly #recipient: Recipient
  readonly #certificates: Certificates

  constructor(subject: Subject, { name }: Organisation, certificates: Certificates) {
    this.#certificates = certificates
    this.subject = subject
    this.enrollment = subject.enrollment
    const userEnrollment = subject.enrollment.kind.startsWith('user-enrollment')
    this.#recipient = { values: variablesOf(subject, name), userEnrollment }
  }

  recipientOf({ issues, identifier: profile }: ProfileTemplate): Recipient {
    const { issued, endsBefore } = this.#certificates
    const renews = issues ? replacedBy(issued, { profile, endsBefore }) : undefined
    return renews === undefined ? this.#recipient : { ...this.#recipient, renews }
  }
}

function refuseWithoutRight({ accessRights: asked }: Enrollment): void {
  if (asked !== undefined && !accessRightsIn(asked).includes('install-profiles'))
    throw new ProfilesNotGranted()
}

/** It lies in the profile or the device, and trying again soon changes nothing. */
function isForGood(error: unknown): error is Error {
  return (
    error instanceof MissingVariable ||
    error instanceof NotForUserEnrollment ||
    error instanceof ProfilesNotGranted ||
    error instanceof NoRecipient ||
    (error instanceof CmsError && error.problem === 'algorithm')
  )
}
