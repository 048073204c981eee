import { rootCertificate } from './certificate.ts'
import { exchange } from './exchange.ts'
import { identity } from './identity.ts'
import { imap } from './imap.ts'
import { intermediate } from './intermediate.ts'
import { ldap } from './ldap.ts'
import { passcode } from './passcode.ts'
import type { PayloadDefinition } from './payload.ts'
import { pop } from './pop.ts'
import { restrictions } from './restrictions.ts'
import { scep } from './scep.ts'
import { vpn } from './vpn.ts'
import { webclip } from './webclip.ts'
import { wifi } from './wifi.ts'

/** The payloads that have keys of their own in the file; every other one can be written as `raw`. */
export const payloads: readonly PayloadDefinition[] = [
  exchange,
  imap,
  pop,
  wifi,
  vpn,
  ldap,
  restrictions,
  passcode,
  webclip,
  rootCertificate,
  intermediate,
  identity,
  scep,
]
