import { type Listener, startListener } from '../gateway/listener/listener.ts'
import { loadTlsMaterial, type TlsMaterial } from '../gateway/listener/tls-material.ts'
import { handleExchange } from '../gateway/pipeline.ts'
import { createMalformedHandler } from '../gateway/refuse-malformed.ts'
import { IpSet } from '../lib/ip-set.ts'
import type { Core } from './gateway-core.ts'
import { reportCertificates } from './gateway-health.ts'
import type { GatewayParts } from './gateway-parts.ts'

export interface OpenListener {
  readonly scheme: 'http' | 'https'
  readonly listener: Listener
}

export async function openListeners(parts: GatewayParts, core: Core): Promise<readonly OpenListener[]> {
  const { settings, accessLog, metrics, now, random } = parts
  const { gateway, limits } = settings
  const files = gateway.tls === undefined ? undefined : await loadTlsMaterial(gateway.tls)
  const tls = files && withOwnAuthorities(files, parts, core)
  if (tls !== undefined) reportCertificates(tls, parts)
  const onRefused = createMalformedHandler(accessLog, metrics, core.routes)
  const opened: OpenListener[] = []
  for (const listen of gateway.listen) {
    const starting = startListener({
      listen,
      ...(listen.scheme === 'https' && tls !== undefined && { tls }),
      trustedProxies: IpSet.of(gateway.trustedProxies),
      proxyProtocol: gateway.proxyProtocol,
      forwarded: gateway.forwarded,
      pseudonym: gateway.pseudonym,
      limits,
      pathRules: (host) => core.routes.ofHost(host)?.service.paths ?? strictPaths,
      upgrades: (host) => core.routes.ofHost(host)?.service.upgrades ?? [],
      allowFields: (host) => core.routes.ofHost(host)?.service.allowFields ?? [],
      now,
      newId: random.id,
      onExchange: (head, client) => {
        core.running.begin()
        return handleExchange(head, client, core.pipeline)
      },
      onRefused,
    })
    try {
      opened.push({ scheme: listen.scheme, listener: await starting })
    } catch (error) {
      // The others must not go on serving for a process that says that it did not start.
      await Promise.all(opened.map(({ listener }) => listener.drain(0)))
      throw error
    }
  }
  return opened
}

/** Where devices are enrolled here, their certificates count without a file that names the CA. */
export function withOwnAuthorities(
  files: TlsMaterial,
  { settings }: GatewayParts,
  { certificates }: Core,
): TlsMaterial {
  return settings.enrollment === undefined ? files : { ...files, ownCa: certificates.authorities }
}

const strictPaths = { encodedSlash: false, parameters: false, caseInsensitive: false }

export function urlOf({ scheme, listener }: OpenListener): string {
  const { host, port } = listener.address
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
