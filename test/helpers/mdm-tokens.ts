import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { type GatewayOptions, type GatewayUnderTest, gatewayUnderTest } from './gateway-under-test.ts'
import { ask, type ClientAnswer, form } from './http-client.ts'
import { inProcess } from './in-process.ts'

/** What an upstream was sent. */
export interface Seen {
  readonly url: string
  readonly headers: readonly string[]
}

/** A browser service whose sign-in always succeeds (but for `user=wrong`), behind a gateway whose rules ask for a token. */
export async function tokenGateway(t: Test, options: Partial<GatewayOptions> = {}) {
  const seen: Seen[] = []
  const upstream = createServer((request, response) => {
    seen.push({ url: request.url ?? '', headers: request.rawHeaders })
    void answer(request).then((accepted) => {
      const headers = accepted ? { location: '/', 'set-cookie': 'session=s3ss10n; Path=/' } : {}
      response.writeHead(request.method === 'POST' && accepted ? 302 : 200, headers).end('hello')
    })
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.teardown(() => {
    upstream.close()
    upstream.closeAllConnections()
  })
  const gateway = await gatewayUnderTest(t, {
    services: `  - name: chat
    hosts: [chat.localhost]
    upstream: ["http://127.0.0.1:${(upstream.address() as AddressInfo).port}"]
    client: browser
    public: [/health]
    signIn: { method: POST, path: /login, user: { form: username }, success: { status: [302], setCookie: session } }`,
    policy: tokenPolicy,
    ...options,
  })
  return { gateway, seen, phone: new Phone(gateway) }
}

async function answer(request: IncomingMessage): Promise<boolean> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return !body.includes('password=wrong')
}

export const tokenPolicy = `
networks: { vpn: [127.30.0.0/16] }
registration:
  - { name: MDM token, when: { evidence: mdm-token }, then: allow }
  - { name: VPN, when: { network: vpn }, then: allow }
access:
  - { name: Registered, when: { posture: [compliant, unknown] }, then: allow }
`

export interface SignIn {
  readonly token?: string | readonly string[] | undefined
  readonly header?: string
  readonly from?: string
  readonly user?: string
  readonly password?: string
  readonly path?: string
}

/** A browser that keeps its cookies. */
export class Phone {
  readonly #cookies = new Map<string, string>()
  readonly #gateway: GatewayUnderTest

  constructor(gateway: GatewayUnderTest) {
    this.#gateway = gateway
  }

  async signIn({
    user = 'alice',
    password = 'right',
    path = '/login',
    ...more
  }: SignIn = {}): Promise<ClientAnswer> {
    return this.#send({ method: 'POST', path, body: `username=${user}&password=${password}` }, more)
  }

  get(path: string, more: SignIn = {}): Promise<ClientAnswer> {
    return this.#send({ method: 'GET', path }, more)
  }

  async #send(
    request: { readonly method: string; readonly path: string; readonly body?: string },
    { token, header = 'gatehouse-mdm-token', from = '127.99.0.1' }: SignIn,
  ): Promise<ClientAnswer> {
    const answer = await ask({
      ...{ port: this.#gateway.tls, host: 'chat.localhost', ca: this.#gateway.ca, from },
      ...request,
      headers: {
        ...form,
        ...(this.#cookies.size > 0 && { cookie: [...this.#cookies.values()].join('; ') }),
        ...(token !== undefined && { [header]: token }),
      },
    })
    for (const cookie of answer.cookies) this.#cookies.set(cookie.split('=')[0] ?? '', cookie)
    return answer
  }
}

/** `gatehouse token create` for this gateway. @returns id and token */
export async function createToken(gateway: GatewayUnderTest, ...args: string[]) {
  const { token } = await gatehouse(gateway, 'token', 'create', '--json', ...args)
  return token as { readonly id: string; readonly value: string }
}

export function revokeToken(gateway: GatewayUnderTest, id: string): Promise<unknown> {
  return gatehouse(gateway, 'token', 'revoke', id, '--json', '--why', 'replaced')
}

/** A command against the gateway's settings, in this process. Its JSON. */
// biome-ignore lint/suspicious/noExplicitAny: each test reads its own members
export async function gatehouse(gateway: GatewayUnderTest, ...argv: string[]): Promise<any> {
  const { code, stdout, stderr } = await inProcess(argv, gateway.settingsFile)
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
  return JSON.parse(stdout)
}
