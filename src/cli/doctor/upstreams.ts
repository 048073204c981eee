import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import type { Service } from '../../domain/service.ts'
import { errorCode } from '../../settings/secret.ts'
import { checkDates } from './certificate-files.ts'
import { type DoctorContext, type Finding, fail, ok, warn } from './finding.ts'

/** With `--network`: is every upstream reachable, and does its certificate hold? No request is sent. */
export async function checkUpstreams({ settings, network, now }: DoctorContext): Promise<Finding[]> {
  if (!network) return [ok('upstreams', 'not asked; --network does')]
  const { connectTimeout } = settings.limits
  const asked = settings.services.flatMap((service) =>
    service.upstream.map((url) => checkUpstream({ service, url, timeout: connectTimeout, now: now() })),
  )
  return (await Promise.all(asked)).flat()
}

interface Asked {
  readonly service: Service
  readonly url: URL
  readonly timeout: number
  readonly now: number
}

async function checkUpstream(asked: Asked): Promise<Finding[]> {
  const { service, url } = asked
  const about = `${service.name} ${url.origin}`
  try {
    if (url.protocol === 'http:') {
      const socket = plain(url)
      await reach(socket, 'connect', asked.timeout)
      socket.destroy()
      return [ok(about, 'reachable')]
    }
    const dates = checkDates(about, await reachTls(asked), asked.now)
    const unverified = warn(
      about,
      'its certificate is not verified',
      'name its CA in upstreamTls.ca instead of verify: false',
    )
    return [ok(about, 'reachable over TLS'), dates, ...(service.upstreamTls.verify ? [] : [unverified])]
  } catch (error) {
    return [fail(about, `not reachable: ${errorCode(error)}`, adviceFor(errorCode(error)))]
  }
}

function adviceFor(code: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name has no address here: check DNS'
  if (/CERT|SIGNATURE|ISSUER|ERR_TLS/.test(code))
    return 'name its CA in upstreamTls.ca, or the name in it in upstreamTls.serverName'
  return 'check the address, the firewall and whether the service runs'
}

function plain(url: URL) {
  return connect({ host: host(url), port: Number(url.port || 80) })
}

/** @returns the certificate that the upstream showed */
async function reachTls({ service, url, timeout }: Asked): Promise<X509Certificate> {
  const { ca, verify, serverName } = service.upstreamTls
  const name = serverName ?? host(url)
  const options: ConnectionOptions = {
    host: host(url),
    port: Number(url.port || 443),
    rejectUnauthorized: verify,
    ...(isIP(name) === 0 && { servername: name }),
    ...(ca.length > 0 && { ca: ca.map((file) => readFileSync(file)) }),
  }
  const socket = connectTls(options)
  await reach(socket, 'secureConnect', timeout)
  const certificate = certificateOf(socket)
  socket.destroy()
  return certificate
}

/** TLS without a certificate is not among the cipher suites that Node offers. */
function certificateOf(socket: TLSSocket): X509Certificate {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) throw coded('ERR_TLS_CERT_MISSING')
  return certificate
}

/** `ETIMEDOUT` after the time in which the gateway itself would give up. */
async function reach(socket: Socket, event: 'connect' | 'secureConnect', timeout: number): Promise<void> {
  socket.setTimeout(timeout, () => socket.destroy(coded('ETIMEDOUT')))
  try {
    await once(socket, event)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code })
}

function host({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}
