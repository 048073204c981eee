import type { FieldList, Source, SourceOrigin } from '../domain/request-head.ts'
import { canonicalAddress } from '../lib/ip-address.ts'
import type { IpSet } from '../lib/ip-set.ts'

/** Where the connection comes from, before any header is believed. */
export interface Peer {
  /** Canonical. */
  readonly address: string
  readonly derivedFrom: Extract<SourceOrigin, 'peer' | 'proxy-protocol'>
  /** The address of the TCP connection, canonical. */
  readonly peer: string
}

export interface SourceRules {
  readonly trustedProxies: IpSet
  readonly forwarded: 'x-forwarded-for' | 'forwarded'
}

const mostEntries = 20
const mostBytes = 2048

/**
 * Finds the client's true address: the peer's, unless the peer is a trusted proxy. Then the configured field is read
 * from the right, past trusted proxies; the first other address is the client. An entry that is no address ends the
 * walk, and the last good address counts. Only entries that trusted proxies wrote are ever looked at: what the client
 * wrote stands to their left. The source address admits to registration networks, so a forged one is a bypass.
 */
export function deriveSource(peer: Peer, fields: FieldList, rules: SourceRules): Source {
  if (!rules.trustedProxies.has(peer.address)) return peer
  const chain = fields.all(rules.forwarded).join(',')
  let address: string | undefined
  let end = chain.length
  const stop = Math.max(0, chain.length - mostBytes)
  for (let entries = 0; entries < mostEntries && end > 0; entries++) {
    const comma = chain.lastIndexOf(',', end - 1)
    if (comma < stop && stop > 0) break
    const entry = entryAddress(chain.slice(comma + 1, end), rules.forwarded)
    if (entry === undefined) break
    address = entry
    if (!rules.trustedProxies.has(entry)) break
    end = comma
  }
  return address === undefined ? peer : { address, derivedFrom: rules.forwarded, peer: peer.peer }
}

/**
 * The scheme that the client used towards a trusted proxy which ends TLS.
 *
 * @returns undefined when the peer is not trusted or says nothing clear
 */
export function deriveScheme(
  peer: Peer,
  fields: FieldList,
  rules: SourceRules,
): 'http' | 'https' | undefined {
  const proto = fields.get('x-forwarded-proto')
  if (proto !== 'http' && proto !== 'https') return undefined
  return rules.trustedProxies.has(peer.address) ? proto : undefined
}

function entryAddress(entry: string, form: SourceRules['forwarded']): string | undefined {
  const node = form === 'forwarded' ? forNode(entry) : entry.trim()
  return node === undefined ? undefined : canonicalAddress(withoutPort(node))
}

/** The `for` parameter of one Forwarded element (RFC 7239 4): a token, or in quotes where it holds a colon. */
function forNode(element: string): string | undefined {
  let node: string | undefined
  for (const pair of element.split(';')) {
    const match = /^[ \t]*for=(?:"([^"\\]*)"|([^"\\ \t]*))[ \t]*$/i.exec(pair)
    if (match === null) continue
    if (node !== undefined) return undefined
    node = match[1] ?? match[2]
  }
  return node
}

function withoutPort(node: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(node)
  if (bracketed !== null) return bracketed[1] as string
  const colon = node.indexOf(':')
  // One colon: IPv4 and port. Several: IPv6 without brackets, as X-Forwarded-For often has it.
  return colon > 0 && colon === node.lastIndexOf(':') && /^\d{1,5}$/.test(node.slice(colon + 1))
    ? node.slice(0, colon)
    : node
}
