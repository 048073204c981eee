import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type BrowserContext, chromium as playwright } from 'playwright-core'
import type { Test } from 'tap'

export interface ChromiumOptions {
  /** The source address that servers see, in 127.0.0.0/8: the browser then goes through a proxy that connects from there. */
  readonly localAddress?: string
  /** A client certificate (PEM) for these origins, such as `https://chat.localhost:8443`. */
  readonly clientCertificate?: { readonly origin: string; readonly certificate: string; readonly key: string }
  readonly colorScheme?: 'light' | 'dark'
  readonly viewport?: { readonly width: number; readonly height: number }
  readonly userAgent?: string
}

const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  // Names that are not this machine's must not leave it.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.*',
]

/** A fresh headless browser profile. It takes any server certificate: trust is the business of curl's tests. */
export async function chromium(t: Test, options: ChromiumOptions = {}): Promise<BrowserContext> {
  const proxy = options.localAddress === undefined ? undefined : await proxyFrom(t, options.localAddress)
  return launch(t, options, proxy?.url)
}

export interface RoamingBrowser {
  readonly context: BrowserContext
  /** Breaks the open connections, as a change of networks does; the next ones come from this address. */
  moveTo(localAddress: string): void
}

/** A browser that changes networks and keeps its cookies. */
export async function roamingChromium(
  t: Test,
  localAddress: string,
  options: ChromiumOptions = {},
): Promise<RoamingBrowser> {
  const { url, moveTo } = await proxyFrom(t, localAddress)
  return { context: await launch(t, options, url), moveTo }
}

async function launch(t: Test, options: ChromiumOptions, proxy: string | undefined): Promise<BrowserContext> {
  const browser = await playwright.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    // Chromium would go past a proxy for the names of this machine.
    args: proxy === undefined ? quiet : [...quiet, '--proxy-bypass-list=<-loopback>'],
    ...(proxy && { proxy: { server: proxy } }),
  })
  t.teardown(() => browser.close())
  const certificate = options.clientCertificate
  return browser.newContext({
    ignoreHTTPSErrors: true,
    ...(options.colorScheme && { colorScheme: options.colorScheme }),
    ...(options.viewport && { viewport: options.viewport }),
    ...(options.userAgent !== undefined && { userAgent: options.userAgent }),
    ...(certificate && {
      clientCertificates: [
        {
          origin: certificate.origin,
          cert: Buffer.from(certificate.certificate),
          key: Buffer.from(certificate.key),
        },
      ],
    }),
  })
}

interface Proxy {
  readonly url: string
  moveTo(localAddress: string): void
}

/** A proxy whose outgoing connections, to this machine only, have this source address. */
async function proxyFrom(t: Test, firstAddress: string): Promise<Proxy> {
  let localAddress = firstAddress
  const tunnels = new Set<Socket>()
  const server = createServer((asked, response) => {
    const { port, pathname, search } = new URL(asked.url ?? '/', 'http://localhost')
    const { method, headers } = asked
    const options = { port, host: '127.0.0.1', localAddress, method, headers, path: pathname + search }
    const sent = request(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(response)
    })
    sent.on('error', () => response.destroy())
    asked.pipe(sent)
  })
  server.on('connect', ({ url }, client) => {
    const port = Number(new URL(`http://${url}`).port || 443)
    const upstream = connect({ port, host: '127.0.0.1', localAddress }, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(upstream).pipe(client)
    })
    tunnels.add(upstream)
    upstream.on('error', () => client.destroy())
    upstream.on('close', () => {
      tunnels.delete(upstream)
      client.destroy()
    })
    client.on('error', () => upstream.destroy())
    client.on('close', () => upstream.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    moveTo(address) {
      localAddress = address
      for (const tunnel of tunnels) tunnel.destroy()
    },
  }
}
