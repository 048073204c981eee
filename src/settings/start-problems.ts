import { IpSet, type ParsedCidr, parseCidr } from '../lib/ip-set.ts'
import type { ListenAddress } from './listen-address.ts'
import type { Mistake } from './mistake.ts'
import { formatListenAddress } from './sections/values.ts'
import type { GatewaySettings, Settings } from './settings.ts'

/**
 * Settings with which the gateway must not start, as far as they show without a network: those in which a source
 * address could be forged, and listeners that cannot work. `loadSettings` reports them with their lines.
 */
export function startProblems({
  gateway,
  management,
  enrollment,
  apns,
}: Pick<Settings, 'gateway' | 'management' | 'enrollment' | 'apns'>): Mistake[] {
  return [
    ...trustMistakes(gateway),
    ...tlsMistakes(gateway),
    ...listenMistakes(gateway.listen, management.listen),
    ...enrollmentMistakes(enrollment, { gateway, management, apns }),
    ...revocationMistakes(enrollment, gateway),
  ]
}

/** OpenSSL asks for a list of every CA as soon as it has one, and the CA of enrolled devices has none at the gateway. */
function revocationMistakes(enrollment: Settings['enrollment'], { tls }: GatewaySettings): Mistake[] {
  if (enrollment === undefined || enrollment.scep.proxy !== undefined || (tls?.crl.length ?? 0) === 0)
    return []
  const message =
    'cannot be used together with `enrollment`: with a list, every CA needs one, and enrolled devices would be refused'
  return [{ path: ['gateway', 'tls', 'crl'], message }]
}

function enrollmentMistakes(
  enrollment: Settings['enrollment'],
  {
    gateway,
    management,
    apns,
  }: Pick<Settings, 'gateway' | 'management'> & {
    readonly apns: Settings['apns'] | undefined
  },
): Mistake[] {
  if (enrollment === undefined) return []
  const { listen, trustedProxies } = enrollment
  const taken = [...gateway.listen, management.listen].find((address) => collide(address, listen))
  const mistakes = trustedProxies.flatMap((text, index): Mistake[] =>
    isTooWide(parseCidr(text))
      ? [{ path: ['enrollment', 'trustedProxies', index], message: `${text} is too wide: ${forgery}` }]
      : [],
  )
  if (apns === undefined) {
    const message = 'needs `apns` with the push certificate: its topic goes into every device'
    mistakes.push({ path: ['enrollment'], message })
  }
  if (taken === undefined) return mistakes
  const message = `cannot listen here: ${formatListenAddress(taken)} has this port already`
  return [...mistakes, { path: ['enrollment', 'listen'], message }]
}

const forgery =
  'whoever is in there can claim any source address, and with it be in a registration network; list the load balancers themselves'

function trustMistakes({ trustedProxies, proxyProtocol }: GatewaySettings): Mistake[] {
  const mistakes = trustedProxies.flatMap((text, index): Mistake[] => {
    if (!isTooWide(parseCidr(text))) return []
    return [{ path: ['gateway', 'trustedProxies', index], message: `${text} is too wide: ${forgery}` }]
  })
  // Everything in many small pieces.
  if (mistakes.length === 0 && IpSet.of(trustedProxies).coversEverything) {
    mistakes.push({ path: ['gateway', 'trustedProxies'], message: `covers every address: ${forgery}` })
  }
  if (proxyProtocol && trustedProxies.length === 0) {
    const message = 'needs `trustedProxies`: without them, no connection could be accepted'
    mistakes.push({ path: ['gateway', 'proxyProtocol'], message })
  }
  return mistakes
}

const privateIpv6 = IpSet.of(['fc00::/7', 'fe80::/10'])
const privateIpv4 = IpSet.of(['10.0.0.0/8', '127.0.0.0/8'])

/** A /8 of IPv4 or a /20 of IPv6 is nobody's load balancers. Private networks of that size exist, and hold one organisation. */
function isTooWide(cidr: ParsedCidr): boolean {
  if (cidr.family === 4) {
    const size = cidr.last - cidr.first + 1
    const isPrivate = privateIpv4.hasAddress({ family: 4, value: cidr.first })
    return isPrivate ? size > 2 ** 24 : size >= 2 ** 24
  }
  const isPrivate = [cidr.first, cidr.last].every((value) => privateIpv6.hasAddress({ family: 6, value }))
  return !isPrivate && cidr.last - cidr.first + 1n >= 2n ** 108n
}

function tlsMistakes({ listen, tls }: GatewaySettings): Mistake[] {
  const mistakes: Mistake[] = []
  const secure = listen.findIndex(({ scheme }) => scheme === 'https')
  if (secure >= 0 && tls === undefined) {
    mistakes.push({
      path: ['gateway', 'listen', secure],
      message: 'https:// needs `gateway.tls` with `cert` and `key`',
    })
  }
  if (secure < 0 && tls !== undefined && tls.clientCa.length > 0) {
    const message = 'client certificates need an https:// listener; without one, nobody ever shows one'
    mistakes.push({ path: ['gateway', 'tls', 'clientCa'], message })
  }
  if (tls !== undefined && tls.crl.length > 0 && tls.clientCa.length === 0) {
    mistakes.push({
      path: ['gateway', 'tls', 'crl'],
      message: 'revocation lists need their CAs in `clientCa`',
    })
  }
  return mistakes
}

function listenMistakes(listen: readonly ListenAddress[], management: ListenAddress): Mistake[] {
  const mistakes: Mistake[] = []
  for (const [index, address] of listen.entries()) {
    const other = listen.slice(0, index).find((earlier) => collide(earlier, address))
    if (other === undefined) continue
    const message = `cannot listen here: ${formatListenAddress(other)} has this port already`
    mistakes.push({ path: ['gateway', 'listen', index], message })
  }
  if (listen.some((address) => collide(address, management))) {
    const message =
      'a users’ listener has this port: the management listener must never be reachable through it'
    mistakes.push({ path: ['management', 'listen'], message })
  }
  return mistakes
}

/** `::` takes IPv4 as well. Port 0 is a free one each time. */
function collide(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false
  return a.host === b.host || takesAll(a, b) || takesAll(b, a)
}

function takesAll({ host }: ListenAddress, other: ListenAddress): boolean {
  return host === '::' || (host === '0.0.0.0' && !other.host.includes(':'))
}
