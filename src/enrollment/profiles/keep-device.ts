import type { Enrollment } from '../../domain/enrollment.ts'
import type { MdmCommand } from '../../domain/mdm-command.ts'
import type { ProfileCertificate } from '../../store/certificate-ports.ts'
import type { Store } from '../../store/ports.ts'
import type { DeviceProfile, EnrolledPerson, ReportedList } from '../../store/profile-ports.ts'
import { isAssigned } from './assignment.ts'
import { type Organisation, ProfilesNotGranted, revisionFor } from './build-profile.ts'
import { Device, grants } from './device.ts'
import { DeviceRows } from './device-rows.ts'
import { profilePrefix } from './identifiers.ts'
import { afterCommand } from './outcome.ts'
import type { Pace } from './pace.ts'
import { planProfiles, type Step, type Wanted } from './plan.ts'
import type { Profile } from './profile.ts'
import { reportedProfiles } from './reported.ts'
import { type SendOptions, StepSender } from './send-steps.ts'
import { Templates } from './templates.ts'

export interface DeviceKeeperOptions extends Omit<SendOptions, 'record'> {
  readonly record: SendOptions['record'] & Pick<Store, 'deviceProfiles'>
  /** Those in force. */
  readonly profiles: () => readonly Profile[]
  readonly organisation: Organisation
  /** Milliseconds after which a device is asked again what it has. */
  readonly check: number
  /** Milliseconds before its end at which a certificate that came with a profile is renewed. */
  readonly renewBefore: number
}

/** What the record knows of the devices of a page, read for all of them at once. */
export interface Known {
  readonly rows: ReadonlyMap<string, readonly DeviceProfile[]>
  readonly people: ReadonlyMap<string, EnrolledPerson>
  readonly reported: ReadonlyMap<string, ReportedList>
  /** Those that came with profiles, where a profile in force brings any. */
  readonly certificates: ReadonlyMap<string, readonly ProfileCertificate[]>
}

export interface Kept {
  readonly steps: readonly Step[]
  readonly before: readonly DeviceProfile[]
  readonly after: readonly DeviceProfile[]
}

/** One look at one device: what became of what was sent, what it should have, and what is to be done about that. */
export class DeviceKeeper {
  readonly #options: DeviceKeeperOptions
  readonly #templates: Templates
  readonly #sender: StepSender

  constructor(options: DeviceKeeperOptions, pace: Pace) {
    this.#options = options
    this.#templates = new Templates(options.profiles, options.organisation)
    this.#sender = new StepSender(options, this.#templates, pace)
  }

  /** May a profile in force bring certificates of ours? Asked for each page, so without working out any. */
  get mayIssue(): boolean {
    return this.#templates.profiles.some(({ payloads }) =>
      payloads.some(({ definition }) => definition.provides === 'identity'),
    )
  }

  async keep(enrollment: Enrollment, { rows, people, reported, certificates }: Known): Promise<Kept> {
    const { record, organisation, now, check, renewBefore } = this.#options
    const before = rows.get(enrollment.id) ?? []
    const known = new DeviceRows(record.deviceProfiles, enrollment.id, before)
    await this.#settle(enrollment, known)
    const person = enrollment.user === undefined ? undefined : people.get(enrollment.user.toLowerCase())
    const subject = { enrollment, person }
    const device = new Device(subject, organisation, {
      issued: certificates.get(enrollment.id) ?? [],
      now: now(),
      renewBefore,
    })
    const told = reportedProfiles(reported.get(enrollment.id), profilePrefix(organisation.identifier))
    const fresh = told !== undefined && told.at >= enrollment.authenticatedAt ? told : undefined
    const wanted = await this.#wanted(device, known)
    const steps = planProfiles({ wanted, known: known.all, reported: fresh, now: now() })
    for (const step of steps) await this.#sender.take(step, device, known)
    const isDue = fresh === undefined || fresh.at <= now() - check
    if (isDue && grants(enrollment, 'inspect-profiles')) await this.#sender.ask(device)
    return { steps, before, after: known.all }
  }

  /** What became of what was sent. What was done before the device was enrolled anew is no more. */
  async #settle({ id, authenticatedAt }: Enrollment, rows: DeviceRows): Promise<void> {
    const { record, now, events } = this.#options
    const changed: DeviceProfile[] = []
    const gone: string[] = []
    for (const row of rows.all) {
      const command =
        row.state === 'sent' && row.command !== undefined
          ? await record.mdmCommands.get(row.command)
          : undefined
      const isVoid = row.at < authenticatedAt || (await this.#isForFormerKey(id, command))
      const answered = isVoid ? undefined : afterCommand(row, command, now())
      const after = answered && this.#withRequired(answered)
      if (after === undefined) gone.push(row.identifier)
      else if (after !== row) changed.push(after)
      if (after?.state === 'failed' && row.state !== 'failed') events.onFailed(after)
    }
    await rows.put(changed)
    await rows.forget(gone)
  }

  /** It waited while the device renewed its identity, so that the device could not decrypt it: no failure of the profile. */
  async #isForFormerKey(enrollment: string, command: MdmCommand | undefined): Promise<boolean> {
    if (command?.state !== 'error' || command.requestType !== 'InstallProfile') return false
    const all = await this.#options.record.certificates.ofEnrollment(enrollment)
    return all.some(({ revoked }) => revoked?.reason === 'superseded' && revoked.at >= command.queuedAt)
  }

  /** What cannot be made for this device is noted, and what it may have of it stays as it is. */
  async #wanted(device: Device, rows: DeviceRows): Promise<readonly Wanted[]> {
    const wanted: Wanted[] = []
    for (const profile of this.#templates.profiles) {
      if (!isAssigned(profile, device.subject)) continue
      const template = this.#templates.of(profile)
      const { identifier } = template
      try {
        if (!grants(device.enrollment, 'install-profiles')) throw new ProfilesNotGranted()
        wanted.push({ identifier, revision: revisionFor(template, device.recipientOf(template)) })
      } catch (error) {
        await this.#sender.cannot(device, rows, { template, error })
        wanted.push({ identifier, revision: rows.get(identifier)?.revision ?? '' })
      }
    }
    return wanted
  }

  /** The file may say something else of it than it did. */
  #withRequired(row: DeviceProfile): DeviceProfile {
    const required = row.action === 'install' && this.#templates.isRequired(row.identifier)
    return row.required === required ? row : { ...row, required }
  }
}
