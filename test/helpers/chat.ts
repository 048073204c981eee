import type { Test } from 'tap'
import { startCollaboration } from '../../sim/collaboration.ts'
import { type GatewayOptions, type GatewayUnderTest, gatewayUnderTest } from './gateway-under-test.ts'
import { ask, type ClientAnswer, form } from './http-client.ts'

/** Addresses of the networks in the tests' policies. */
export const wifi = '127.20.0.5'
export const vpn = '127.30.0.5'
export const internet = '127.99.0.1'

/** The sample chat, and what a gateway's settings say of it. */
export async function chatService(t: Test, extra = '') {
  const service = await startCollaboration({ port: 0, host: '127.0.0.1' })
  t.teardown(() => service.close())
  const services = `  - name: chat
    hosts: [chat.localhost]
    upstream: ["${service.url}"]
    client: browser
    signIn: { method: POST, path: /login, user: { form: username }, success: { status: [302, 303], setCookie: session } }
${extra}`
  return { service, services }
}

/** The sample chat behind a gateway of its own. */
export async function chatBehindGateway(t: Test, options: ChatOptions = {}) {
  const { extra = '', ...rest } = options
  const { service, services } = await chatService(t, `    public: [/healthcheck.htm]\n${extra}`)
  const gateway = await gatewayUnderTest(t, { services, ...rest })
  const target = { port: gateway.tls, host: 'chat.localhost', ca: gateway.ca }
  return { service, gateway, target }
}

export interface ChatOptions extends Partial<GatewayOptions> {
  /** Further keys of the service, indented by four. */
  readonly extra?: string
}

const passwords: Record<string, string> = { alice: 'wonderland', bob: 'builder', carol: 'contractor' }

/** Signs in through the gateway; the cookies of the answer are what the browser holds afterwards. */
export function signIn(
  gateway: GatewayUnderTest,
  from: string,
  { user = 'alice', cookie }: { readonly user?: string; readonly cookie?: string } = {},
): Promise<ClientAnswer> {
  return ask({
    port: gateway.tls,
    host: 'chat.localhost',
    ca: gateway.ca,
    from,
    method: 'POST',
    path: '/login',
    headers: { ...form, ...(cookie !== undefined && { cookie }) },
    body: `username=${user}&password=${passwords[user]}`,
  })
}
