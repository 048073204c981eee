import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Service } from '../../domain/service.ts'

/** PEM texts of the CAs that a service's upstreams are verified against, by the service's name. */
export type Authorities = ReadonlyMap<string, readonly string[]>

/** @throws when a file of `upstreamTls.ca` cannot be read or holds no certificate: Node would trust nothing without a word */
export async function readAuthorities(services: readonly Service[]): Promise<Authorities> {
  const entries = services.map(async ({ name, upstreamTls }) => {
    return [name, await Promise.all(upstreamTls.ca.map((file) => readAuthority(name, file)))] as const
  })
  return new Map(await Promise.all(entries))
}

async function readAuthority(service: string, file: string): Promise<string> {
  try {
    const pem = await readFile(file, 'utf8')
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it holds no certificate')
    createSecureContext({ ca: pem })
    return pem
  } catch (cause) {
    throw new AuthorityUnreadable(service, file, cause)
  }
}

/** The message names service and file. */
export class AuthorityUnreadable extends Error {
  constructor(service: string, file: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super(`services: ${service}: upstreamTls.ca: ${file}: ${why}`, { cause })
    this.name = 'AuthorityUnreadable'
  }
}
