import { createHash, createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { text } from 'node:stream/consumers'

/**
 * The company app in a hundred lines, as docs/app-protocol.md describes it: for `gatehouse app simulate`, for tests, and for
 * those who write the real one. It shares no code with the gateway that checks it.
 */
export class Launcher {
  readonly #options: LauncherOptions
  readonly #keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }

  constructor(options: LauncherOptions) {
    this.#options = options
    // A real app makes its key in the Secure Enclave or the Android key store, where it stays.
    this.#keys =
      options.keyType === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  }

  /** The public key as a JWK with the members that RFC 7638 asks for, in its order. */
  get publicKey(): Readonly<Record<string, string>> {
    const { crv, kty, x, y } = this.#keys.publicKey.export({ format: 'jwk' })
    return { crv: String(crv), kty: String(kty), x: String(x), ...(y !== undefined && { y }) }
  }

  /** RFC 7638: the `keyid` of what the app signs with its own key. */
  get keyid(): string {
    return createHash('sha256').update(JSON.stringify(this.publicKey)).digest('base64url')
  }

  /** The body of the first contact. */
  contact(service?: string): string {
    const { configuration, platform, appVersion } = this.#options
    const named = service === undefined ? {} : { service }
    return JSON.stringify({ ...configuration, platform, appVersion, publicKey: this.publicKey, ...named })
  }

  /** The first contact. @returns the gateway's answer, whatever it is */
  async register(service?: string): Promise<LauncherAnswer> {
    const body = this.contact(service)
    const url = new URL('/.gatehouse/app/register', this.#options.gateway)
    return this.send(
      'POST',
      url,
      { ...this.signContact(url, body), 'content-type': 'application/json' },
      body,
    )
  }

  /** Signs the first contact twice: with the package key, and with the app's own key, which shows that it has it. */
  signContact(url: URL, body: string, method = 'POST'): Record<string, string> {
    const { id, secret } = this.#options.packageKey
    const key = Buffer.from(secret, 'base64')
    const what = { method, url, body, ...this.#fresh() }
    const byPackage = signed({ ...what, label: 'app', keyid: id, alg: 'hmac-sha256' }, (base) =>
      createHmac('sha256', key).update(base).digest(),
    )
    const byOwn = this.#own({ ...what, label: 'key' })
    return {
      ...byPackage,
      'signature-input': `${byPackage['signature-input']}, ${byOwn['signature-input']}`,
      signature: `${byPackage.signature}, ${byOwn.signature}`,
    }
  }

  /** Signs any later request with the app's own key. @param body '' for none */
  signOwn(method: string, url: URL, body = ''): Record<string, string> {
    return this.#own({ method, url, body, label: 'app', ...this.#fresh() })
  }

  #own(what: Omit<ToSign, 'keyid' | 'alg'>): Record<string, string> {
    const { privateKey } = this.#keys
    const ed25519 = privateKey.asymmetricKeyType === 'ed25519'
    const alg = ed25519 ? 'ed25519' : 'ecdsa-p256-sha256'
    return signed({ ...what, keyid: this.keyid, alg }, (base) =>
      ed25519
        ? sign(null, base, privateKey)
        : sign('sha256', base, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
    )
  }

  #fresh() {
    return {
      created: Math.floor(this.#options.now() / 1000),
      nonce: randomBytes(18).toString('base64url'),
    }
  }

  async send(
    method: string,
    url: URL,
    headers: Readonly<Record<string, string>> = {},
    body = '',
  ): Promise<LauncherAnswer> {
    const { address, from, ca } = this.#options
    const secure = url.protocol === 'https:'
    const request = (secure ? requestTls : requestPlain)({
      method,
      host: address ?? url.hostname,
      port: url.port || (secure ? 443 : 80),
      path: url.pathname + url.search,
      headers: {
        host: url.host,
        ...headers,
        ...(body !== '' && { 'content-length': Buffer.byteLength(body) }),
      },
      agent: false,
      ...(secure && { servername: url.hostname }),
      ...(from !== undefined && { localAddress: from }),
      ...(ca !== undefined && { ca }),
    })
    request.end(body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const answer = await text(response)
    return { status: response.statusCode ?? 0, headers: response.headers, body: answer }
  }
}

function signed(what: ToSign, signBase: (base: Buffer) => Buffer): Record<string, string> {
  const { method, url, body, label, keyid, alg, created, nonce } = what
  const digest = body === '' ? undefined : `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
  const covered = `("@method" "@target-uri"${digest === undefined ? '' : ' "content-digest"'})`
  const parameters = `${covered};created=${created};expires=${created + 60};nonce="${nonce}";keyid="${keyid}";alg="${alg}"`
  const lines = [
    `"@method": ${method}`,
    `"@target-uri": ${url.href}`,
    ...(digest === undefined ? [] : [`"content-digest": ${digest}`]),
    `"@signature-params": ${parameters}`,
  ]
  const signature = signBase(Buffer.from(lines.join('\n'))).toString('base64')
  return {
    ...(digest !== undefined && { 'content-digest': digest }),
    'signature-input': `${label}=${parameters}`,
    signature: `${label}=:${signature}:`,
  }
}

interface ToSign {
  readonly method: string
  readonly url: URL
  readonly body: string
  readonly label: string
  readonly keyid: string
  readonly alg: string
  /** Seconds since the epoch. */
  readonly created: number
  readonly nonce: string
}

export interface LauncherOptions {
  /** The gateway's own address, such as `https://register.example.com`. */
  readonly gateway: URL
  /** `secret` in base64. */
  readonly packageKey: { readonly id: string; readonly secret: string }
  /** What the MDM wrote into the app's configuration. */
  readonly configuration: {
    readonly deviceId: string
    readonly deviceIdType: string
    readonly username: string
    readonly companyName: string
    readonly mdmToken?: string
  }
  readonly platform: string
  readonly appVersion: string
  readonly keyType?: 'p256' | 'ed25519'
  readonly now: () => number
  /** Connect there instead of looking the host's name up. */
  readonly address?: string
  /** Connect from there. */
  readonly from?: string
  /** PEM of the CA. */
  readonly ca?: string
}

export interface LauncherAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
