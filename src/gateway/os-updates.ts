import { PacedWrites } from '../lib/paced-writes.ts'
import { compareVersions, parseVersion } from '../policy/versions.ts'
import type { RegistrationWriter } from '../store/ports.ts'
import type { Assessment } from './assess.ts'

export interface OsUpdatesOptions {
  readonly registrations: Pick<RegistrationWriter, 'osUpdated'>
  readonly now: () => number
  readonly onError: (error: unknown) => void
}

/** Milliseconds from one write to the next. */
const writeEvery = 60_000

/** Registrations a write. Of those beyond, the next request tells again. */
const atOnce = 500

/**
 * Registered clients that say a newer OS version than their registration: it follows, since rules and the match with the
 * MDM's device go by it. Only upwards: parts of one app that say their version more or less exactly would have it written
 * to and fro for ever.
 */
export class OsUpdates {
  #told = new Map<string, { readonly from: string | undefined; readonly to: string; readonly at: number }>()
  readonly #writes: PacedWrites
  readonly #options: OsUpdatesOptions

  constructor(options: OsUpdatesOptions) {
    this.#options = options
    this.#writes = new PacedWrites({ write: () => this.#write(), every: writeEvery, now: options.now })
  }

  /** Only of a request that proves its client, or whose credentials the upstream has accepted. */
  told({ state, identification }: Assessment): void {
    const to = newerVersion(state?.registration.device, identification.device)
    if (state === undefined || to === undefined) return
    const { id, device } = state.registration
    if (this.#told.size >= atOnce && !this.#told.has(id)) return
    this.#told.set(id, { from: device.osVersion, to, at: this.#options.now() })
    this.#writes.want()
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.#writes.flush()
  }

  async #write(): Promise<void> {
    if (this.#told.size === 0) return
    const told = [...this.#told].map(([id, update]) => ({ id, ...update }))
    this.#told.clear()
    // What the record does not take, the client's next request tells again.
    await this.#options.registrations.osUpdated(told).catch(this.#options.onError)
  }
}

/** Does this request of a registered client say a newer version? Most say the same, which costs one comparison. */
export function tellsNewerOs({ state, identification }: Assessment): boolean {
  return newerVersion(state?.registration.device, identification.device) !== undefined
}

type Device = Assessment['identification']['device']

function newerVersion(registered: Device | undefined, { platform, osVersion }: Device): string | undefined {
  if (registered === undefined || osVersion === undefined || osVersion === registered.osVersion)
    return undefined
  if (platform !== registered.platform) return undefined
  const now = parseVersion(osVersion)
  if (now === undefined) return undefined
  const before = parseVersion(registered.osVersion ?? '')
  return before === undefined || compareVersions(now, before) > 0 ? osVersion : undefined
}
