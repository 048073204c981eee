import type { ClientKind } from '../domain/service.ts'
import { activesync } from './activesync.ts'
import { browser } from './browser.ts'
import { matrix } from './matrix.ts'
import type { ProtocolFactory } from './protocol.ts'

/** The client protocols, one file each. */
export const clientProtocols: Readonly<Record<ClientKind, ProtocolFactory>> = {
  browser,
  activesync,
  lync: notYet('lync'),
  matrix,
  bearer: notYet('bearer'),
  generic: notYet('generic'),
}

function notYet(kind: ClientKind): ProtocolFactory {
  return () => {
    throw new Error(`client: ${kind} is not built yet`)
  }
}
