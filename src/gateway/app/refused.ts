import type { ReasonCode } from '../../domain/reason.ts'

/** Thrown while the app's request is checked: it ends there, with this reason. `help` names what is wrong, never a value. */
export class AppRefused extends Error {
  readonly reason: ReasonCode
  readonly help: string | undefined

  constructor(reason: ReasonCode, help?: string) {
    super(help === undefined ? reason : `${reason}: ${help}`)
    this.name = 'AppRefused'
    this.reason = reason
    this.help = help
  }
}
