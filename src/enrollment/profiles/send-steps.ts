import { writePlist } from '../../lib/plist/write.ts'
import type { Store } from '../../store/ports.ts'
import type { DeviceProfile } from '../../store/profile-ports.ts'
import type { ProfileTemplate } from './build-profile.ts'
import { type DeliveryOptions, installCommand, removeCommand } from './deliver.ts'
import { type Device, isForGood } from './device.ts'
import type { DeviceRows } from './device-rows.ts'
import { failed } from './outcome.ts'
import type { Pace } from './pace.ts'
import type { Step } from './plan.ts'
import type { Templates } from './templates.ts'

export interface SendOptions extends Omit<DeliveryOptions, 'record'> {
  readonly record: DeliveryOptions['record'] & Pick<Store, 'mdmCommands'>
  readonly newUuid: () => string
  readonly events: {
    onStep(enrollment: string, step: Step): void
    onFailed(profile: DeviceProfile): void
  }
}

/** Carries out the steps of a plan: what is installed or removed goes into the queue of the device. */
export class StepSender {
  readonly #options: SendOptions
  readonly #templates: Templates
  readonly #pace: Pace

  constructor(options: SendOptions, templates: Templates, pace: Pace) {
    this.#options = options
    this.#templates = templates
    this.#pace = pace
  }

  async take(step: Step, device: Device, rows: DeviceRows): Promise<void> {
    const { record, events } = this.#options
    const { enrollment } = device
    if (step.kind === 'forget') return rows.forget([step.identifier])
    if (step.kind === 'adopt') return this.#adopt(step, enrollment.id, rows)
    if (step.cancel !== undefined)
      await record.mdmCommands.cancel(step.cancel, this.#actor('a newer one takes its place'))
    if (step.kind === 'remove') {
      await this.#send(device, rows, { step, payload: removeCommand(step.identifier) })
    } else {
      const template = this.#templates.find(step.identifier)
      if (template === undefined || step.revision === '') return
      try {
        const recipient = device.recipientOf(template)
        const command = await installCommand(template, { enrollment, recipient }, this.#options)
        await this.#send(device, rows, { step, ...command })
      } catch (error) {
        return this.cannot(device, rows, { template, error, revision: step.revision })
      }
    }
    events.onStep(enrollment.id, step)
  }

  /** Noted once, not at each look. @throws what is no property of the profile or the device */
  async cannot(
    { enrollment }: Device,
    rows: DeviceRows,
    { template: { identifier, profile }, error, revision }: Cannot,
  ): Promise<void> {
    const { now, events } = this.#options
    if (!isForGood(error)) throw error
    const row = rows.get(identifier)
    if (row?.state === 'failed' && row.error === error.message && (row.dueAt ?? 0) > now()) return
    const { command: _, ...known } = row ?? { enrollment: enrollment.id, identifier, attempts: 0, at: now() }
    const base = { ...known, required: profile.required, revision: revision ?? row?.revision ?? '' }
    const note = failed({ ...base, action: 'install', state: 'failed' }, error.message, now())
    await rows.put([note])
    events.onFailed(note)
  }

  /** Asks the device which profiles it has, unless that waits in its queue already. */
  async ask({ enrollment: { id } }: Device): Promise<void> {
    const { record, newUuid } = this.#options
    const command = {
      ...{ uuid: newUuid(), enrollment: id, requestType: 'ProfileList', once: true, routine: true },
      payload: writePlist({ RequestType: 'ProfileList' }),
    }
    const enqueued = await record.mdmCommands.enqueue(command, this.#actor('which profiles are there?'))
    if (enqueued === 'queued') this.#pace.take()
  }

  /** It is there, in the right revision, and only the record did not know. */
  #adopt({ identifier, revision }: StepOf<'adopt'>, enrollment: string, rows: DeviceRows): Promise<void> {
    const required = this.#templates.isRequired(identifier)
    const base = { enrollment, identifier, revision, required, attempts: 0, at: this.#options.now() }
    return rows.put([{ ...base, action: 'install', state: 'done' }])
  }

  /** First the row, then the command: after a crash in between, the row names a command that nobody knows, and it is sent again. */
  async #send(
    { enrollment: { id } }: Device,
    rows: DeviceRows,
    { step, payload, expiresAt }: Sending,
  ): Promise<void> {
    const { record, now, newUuid } = this.#options
    this.#pace.take()
    const [uuid, action, { identifier }] = [newUuid(), step.kind, step]
    const row = rows.get(identifier)
    const revision = step.kind === 'install' ? step.revision : (row?.revision ?? '')
    const attempts = row?.action === action && row.revision === revision ? row.attempts : 0
    const required = action === 'install' && this.#templates.isRequired(identifier)
    const base = { enrollment: id, identifier, revision, action, attempts, required }
    await rows.put([{ ...base, state: 'sent', command: uuid, at: now() }])
    await record.mdmCommands.enqueue(
      {
        ...{ uuid, enrollment: id, payload },
        requestType: action === 'install' ? 'InstallProfile' : 'RemoveProfile',
        ...(expiresAt !== undefined && { expiresAt }),
      },
      this.#actor(`profile ${identifier}`),
    )
  }

  #actor(why: string) {
    return { name: 'profiles', why, at: this.#options.now() }
  }
}

type StepOf<K extends Step['kind']> = Extract<Step, { readonly kind: K }>

interface Sending {
  readonly step: StepOf<'install'> | StepOf<'remove'>
  readonly payload: Buffer
  readonly expiresAt?: number
}

interface Cannot {
  readonly template: ProfileTemplate
  readonly error: unknown
  /** That could not be made; left out: the one that the device may have stays the one that is known. */
  readonly revision?: string
}
