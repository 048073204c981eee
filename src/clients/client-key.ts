import type { Binding, ClientKey } from '../domain/client-identity.ts'
import { sha256OfParts } from '../lib/hash.ts'

/**
 * The key under which the record knows a client. The parts are joined with NUL, which no part can hold, so that two
 * different lists never give one key. The service is part of it: a registration opens one service.
 */
export function clientKey(service: string, binding: Binding, ...parts: readonly string[]): ClientKey {
  return { binding, hash: sha256OfParts(service, binding, ...parts) }
}
