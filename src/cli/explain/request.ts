/**
 * `gatehouse explain` with flags: makes a request as the listener would, out of what the administrator says of it, and
 * hands it to the very functions that the gateway uses. This file: from flags to a `RequestHead`.
 */

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ClientCertificate, RequestHead } from '../../domain/request-head.ts'
import { describeCertificate } from '../../gateway/listener/client-certificate.ts'
import type { Routes } from '../../gateway/routing.ts'
import { deriveSource } from '../../gateway/source.ts'
import { HeadParser } from '../../gateway/wire/head.ts'
import { strictPathRules } from '../../gateway/wire/path.ts'
import { isRefused, type Refused } from '../../gateway/wire/refused.ts'
import { canonicalAddress } from '../../lib/ip-address.ts'
import { IpSet } from '../../lib/ip-set.ts'
import { errorCode } from '../../settings/secret.ts'
import type { Settings } from '../../settings/settings.ts'
import { UsageError } from '../errors.ts'

export interface RequestFlags {
  readonly url: string
  readonly from: string
  readonly method: string
  /** `Name: value`. */
  readonly header: readonly string[]
  readonly at: number
  /** Absolute path of a PEM file. */
  readonly certificate?: string
}

/** @returns the request, or why the edge refuses it whatever the policy says. @throws UsageError */
export function buildRequest(flags: RequestFlags, settings: Settings, routes: Routes): RequestHead | Refused {
  const { scheme, authority, target } = parseUrl(flags.url)
  const peer = canonicalAddress(flags.from)
  if (peer === undefined) throw wrong(`--from must be an address such as 203.0.113.7, not '${flags.from}'`)
  const { trustedProxies, forwarded } = settings.gateway
  const rules = { trustedProxies: IpSet.of(trustedProxies), forwarded }
  const certificate = flags.certificate === undefined ? undefined : readCertificate(flags.certificate)
  const parser = new HeadParser({
    limits: settings.limits,
    pathRules: (host) => routes.ofHost(host)?.service.paths ?? strictPathRules,
    upgrades: (host) => routes.ofHost(host)?.service.upgrades ?? [],
    allowFields: (host) => routes.ofHost(host)?.service.allowFields ?? [],
  })
  const parsed = parser.parse(
    {
      httpVersion: '1.1',
      method: flags.method,
      target,
      scheme,
      rawHeaders: ['Host', authority, ...flags.header.flatMap(parseHeader)],
    },
    {
      id: 'explain',
      receivedAt: flags.at,
      connection: { id: 0, ...(certificate !== undefined && { clientCertificate: certificate }) },
      derive: (fields) => ({
        source: deriveSource({ address: peer, derivedFrom: 'peer', peer }, fields, rules),
      }),
    },
  )
  return isRefused(parsed) ? parsed : parsed.head
}

/** Taken apart by hand: the URL parser would tidy away what the edge refuses. */
function parseUrl(url: string) {
  const match = /^(https?):\/\/([^/?#\s]+)([/?][^#\s]*)?$/i.exec(url)
  const [, scheme, authority, rest = '/'] = match ?? []
  if (scheme === undefined || authority === undefined)
    throw wrong(`--url must be an address such as https://mail.example.com/owa/?x=1, not '${url}'`)
  return {
    scheme: scheme.toLowerCase() === 'https' ? ('https' as const) : ('http' as const),
    authority,
    target: rest.startsWith('/') ? rest : `/${rest}`,
  }
}

function parseHeader(text: string): [string, string] {
  const colon = text.indexOf(':')
  if (colon < 1) throw wrong(`--header must be 'Name: value', not '${text}'`)
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()]
}

/** As if the listener had verified it: chain, dates and revocation are not looked at here. */
function readCertificate(path: string): ClientCertificate {
  try {
    return describeCertificate(new X509Certificate(readFileSync(path)))
  } catch (error) {
    throw wrong(`--certificate ${path} is no certificate in PEM (${errorCode(error)})`)
  }
}

function wrong(message: string): UsageError {
  return new UsageError(message, 'explain')
}
