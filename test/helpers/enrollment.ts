import { randomBytes, randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type SimulatedApns, startApns } from '../../sim/apns.ts'
import { AppleDevice, type AppleDeviceOptions } from '../../sim/apple-device.ts'
import { type CertificateAndKey, issueCertificate } from '../../sim/certificates.ts'
import { codeHash, newCode } from '../../src/enrollment/sign-in/code.ts'
import type { Store } from '../../src/store/ports.ts'
import { certificates, temporaryFolder } from './certificates.ts'
import { type GatewayOptions, type GatewayUnderTest, gatewayUnderTest } from './gateway-under-test.ts'
import { ask, type ClientAnswer, form } from './http-client.ts'
import { freePort } from './own-address.ts'

export const topic = 'com.apple.mgmt.External.5a1e'
const day = 24 * 60 * 60 * 1000
export const enrollmentHost = 'mdm.localhost'

export interface EnrollmentOptions extends Partial<GatewayOptions> {
  /** Further members of the flow mapping `enrollment`, such as `signIn: { codes: false }`. */
  readonly enrollment?: string
  /** Default: require. */
  readonly deviceSignature?: 'prefer'
  /** Default: Example Corp. */
  readonly organisation?: string
}

export interface EnrollmentUnderTest {
  readonly gateway: GatewayUnderTest
  readonly store: Store
  readonly publicUrl: string
  readonly port: number
  /** PEM of the CA behind the listener's certificate. */
  readonly ca: string
  readonly apns: SimulatedApns
  /** Apple's CA of device certificates, as far as this server knows. */
  readonly appleCa: CertificateAndKey
  /** A browser that keeps cookies. */
  browser(): EnrollmentBrowser
  device(changes?: Partial<AppleDeviceOptions>): Promise<AppleDevice>
  /** A one-time code for this user. */
  code(user?: string): Promise<string>
}

/** The whole product with an enrollment listener, a push service, and devices of a make of our own. */
export async function enrollmentUnderTest(
  t: Test,
  options: EnrollmentOptions = {},
): Promise<EnrollmentUnderTest> {
  const folder = temporaryFolder(t)
  const { ca } = await certificates(t)
  const authority = (commonName: string) =>
    issueCertificate({ commonName, use: 'authority', notBefore: Date.now() - day, days: 30 })
  const [appleCa, pushCa] = await Promise.all([authority('Apple iPhone Device CA'), authority('Push CA')])
  const server = await issueCertificate({
    commonName: enrollmentHost,
    issuer: ca,
    use: 'server',
    dnsNames: [enrollmentHost, 'api.push.example'],
    addresses: ['127.0.0.1'],
    notBefore: Date.now() - day,
    days: 30,
  })
  const push = await issueCertificate({
    ...{ commonName: 'APSP:5a1e', issuer: pushCa, use: 'client', uid: topic },
    ...{ notBefore: Date.now() - day, days: 30 },
  })
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const apns = await startApns({ cert: server.certificate, key: server.key, clientCa: pushCa.certificate })
  t.teardown(() => apns.close())
  const port = await freePort('127.0.0.1')
  const publicUrl = `https://${enrollmentHost}:${port}`
  const settings = `limits: { drainFor: 1s }
apns: { certificate: { file: ${file('push.pem', push.certificate + push.key)} }, server: "${apns.origin}", ca: [${file('push-ca.crt', ca.certificate)}] }
enrollment:
  listen: "https://127.0.0.1:${port}"
  publicUrl: "${publicUrl}"
  organisation: ${JSON.stringify(options.organisation ?? 'Example Corp')}
  tls: { cert: ${file('mdm.crt', server.certificate)}, key: ${file('mdm.key', server.key)} }
  deviceSignature: { ca: [${file('apple.crt', appleCa.certificate)}], check: ${options.deviceSignature ?? 'require'} }
  ca: { folder: ${join(folder, 'ca')} }
${options.enrollment === undefined ? '' : `  ${options.enrollment.replaceAll('\n', '\n  ')}\n`}${options.settings ?? ''}`
  const gateway = await gatewayUnderTest(t, {
    services:
      '  - { name: chat, hosts: [chat.localhost], upstream: ["http://127.0.0.1:9"], client: browser, signIn: none }',
    ...options,
    settings,
  })
  const store = await gateway.openStore()
  return {
    gateway,
    store,
    publicUrl,
    port,
    ca: ca.certificate,
    apns,
    appleCa,
    browser: () => new EnrollmentBrowser(port, ca.certificate),
    async device(changes = {}) {
      const builtIn = await issueCertificate({
        ...{ commonName: randomUUID(), issuer: appleCa, use: 'client' },
        ...{ notBefore: Date.now() - day, days: 30 },
      })
      const udid = randomBytes(20).toString('hex')
      const serial = `F2L${randomBytes(4).toString('hex').toUpperCase()}A`
      return new AppleDevice({ ca: ca.certificate, udid, serial, builtIn, ...changes })
    },
    async code(user = 'alice') {
      const code = newCode()
      const at = Date.now()
      await store.enrollmentCodes.create(
        {
          ...{ id: `c_${randomUUID()}`, hash: codeHash(code), user: { name: user, groups: [] } },
          expiresAt: at + day,
        },
        { name: 'test', why: 'a test', at },
      )
      return code
    },
  }
}

export const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'

/** What a phone's browser does with the pages: keeps cookies, sends forms, follows redirects by hand. */
export class EnrollmentBrowser {
  readonly #port: number
  readonly #ca: string
  readonly cookies = new Map<string, string>()
  userAgent = iphone
  /** X-Forwarded-For, as a proxy in front sends it. */
  forwarded: string | undefined

  constructor(port: number, ca: string) {
    this.#port = port
    this.#ca = ca
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<ClientAnswer> {
    return this.#ask({ path, headers })
  }

  /** Sends the form at `action` of this page, with these values in its fields. */
  submit(
    page: ClientAnswer,
    action: string,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<ClientAnswer> {
    const [, inside] = new RegExp(`<form[^>]*action="${action}">(.*?)</form>`, 's').exec(page.body) ?? []
    if (inside === undefined) throw new Error(`there is no form for ${action} on this page: ${page.body}`)
    const hidden = [...inside.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)]
    const body = new URLSearchParams([
      ...hidden.map(([, name = '', value = '']): [string, string] => [name, value]),
      ...Object.entries(fields),
    ])
    return this.#ask({ path: action, method: 'POST', headers: form, body: body.toString() })
  }

  async signIn(code: string): Promise<ClientAnswer> {
    const answer = await this.submit(await this.get('/enroll'), '/enroll/code', { code })
    return answer.status === 303 ? this.get(String(answer.headers.location)) : answer
  }

  /** From the code to the profile's bytes. */
  async profile(code: string, path = '/enroll/profile'): Promise<Buffer> {
    const agreed = await this.submit(await this.signIn(code), '/enroll/agree')
    if (agreed.status !== 303) throw new Error(`not agreed: ${agreed.status} ${agreed.body}`)
    return this.download(path)
  }

  async download(path: string): Promise<Buffer> {
    const answer = await this.#ask({ path, headers: {} })
    if (answer.status !== 200) throw new Error(`no profile: ${answer.status} ${answer.body}`)
    return answer.bytes
  }

  async #ask(options: {
    readonly path: string
    readonly method?: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string
  }): Promise<ClientAnswer> {
    const answer = await ask({
      port: this.#port,
      host: enrollmentHost,
      ca: this.#ca,
      ...options,
      headers: {
        accept: 'text/html,application/xhtml+xml',
        'user-agent': this.userAgent,
        ...(this.forwarded !== undefined && { 'x-forwarded-for': this.forwarded }),
        cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...options.headers,
      },
    })
    for (const cookie of answer.cookies) {
      const equals = cookie.indexOf('=')
      if (equals === cookie.length - 1) this.cookies.delete(cookie.slice(0, equals))
      else this.cookies.set(cookie.slice(0, equals), cookie.slice(equals + 1))
    }
    return answer
  }
}
