import type { SourceRules } from '../source.ts'
import type { IntakeOptions } from './intake.ts'
import type { TlsMaterial } from './tls-material.ts'

export interface ListenerOptions extends IntakeOptions, SourceRules {
  readonly listen: { readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number }
  /** Needed for `https`. */
  readonly tls?: TlsMaterial
  /** Every connection begins with a PROXY protocol header from a trusted proxy; others are closed. */
  readonly proxyProtocol: boolean
}
