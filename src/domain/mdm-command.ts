/**
 * `queued`: not given to the device yet. `sent`: given, no report; it is given again with the same UUID when the device
 * comes without having reported it. `not-now`: the device could not, and is asked again. The others are its end.
 */
export const commandStates = [
  'queued',
  'sent',
  'not-now',
  'acknowledged',
  'error',
  'format-error',
  'expired',
  'cancelled',
] as const
export type CommandState = (typeof commandStates)[number]

export const waitingStates = ['queued', 'sent', 'not-now'] as const satisfies readonly CommandState[]

/** A command of a device's queue. What it holds is read apart (`MdmCommands.payload`): it may be a secret. */
export interface MdmCommand {
  readonly uuid: string
  readonly enrollment: string
  /** Apple's RequestType. */
  readonly requestType: string
  readonly state: CommandState
  /** Order within the queue of one enrollment. */
  readonly sequence: number
  /** Renews the device's identity: the only command that an expired identity is given. */
  readonly renewal: boolean
  readonly queuedAt: number
  readonly queuedBy: string
  /** How often it was given to the device. */
  readonly attempts: number
  readonly sentAt?: number
  /** After a NotNow: no push for it before. */
  readonly notBefore?: number
  readonly expiresAt?: number
  readonly finishedAt?: number
  /** Outermost first; the last is the cause. */
  readonly errors: readonly CommandError[]
}

/** One link of Apple's ErrorChain. */
export interface CommandError {
  readonly domain: string
  readonly code: number
  readonly description?: string
}
