import type { ClientKind } from '../domain/service.ts'
import { activesync } from './activesync.ts'
import { bearer } from './bearer.ts'
import { browser } from './browser.ts'
import { generic } from './generic.ts'
import { lync } from './lync.ts'
import { matrix } from './matrix.ts'
import type { ProtocolFactory } from './protocol.ts'

/** The client protocols, one file each. */
export const clientProtocols: Readonly<Record<ClientKind, ProtocolFactory>> = {
  browser,
  activesync,
  lync,
  matrix,
  bearer,
  generic,
}
