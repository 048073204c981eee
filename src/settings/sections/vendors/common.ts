/** What the settings of all vendors share: each vendor's file adds its own keys to `commonKeys` and says how they are built. */
import { z } from 'zod'
import type { KeyPath } from '../../../lib/yaml-document.ts'
import type { Mistake } from '../../mistake.ts'
import { readSecret, Secret, type SecretReaders, type SecretSource } from '../../secret.ts'
import { isLoopback } from '../management.ts'
import { secretSource } from '../secret.ts'
import { duration, path, refuse, said } from '../values.ts'

/** What every connection has, checked, with its files and secrets read. Times in milliseconds. */
export interface VendorCommon {
  /** The connection's name: what the record and the policy call this vendor. */
  readonly name: string
  readonly url: URL
  /** PEM texts; empty: the CAs of Node. */
  readonly ca: readonly string[]
  readonly proxy?: { readonly url: URL; readonly user?: string; readonly password?: Secret }
  readonly timeout: number
  /** Undefined: its notifications are not taken. */
  readonly webhook?: WebhookSecret
}

/** How the vendor proves that a notification is its own. */
export interface WebhookSecret {
  /** Of Basic authentication; undefined: any. */
  readonly user?: string
  readonly secret: Secret
}

/** One vendor's settings: how they are written, and how the connector gets them. */
export interface VendorSection<Schema extends z.ZodType, Settings> {
  /** The vendor's product as its administrators call it. */
  readonly title: string
  readonly schema: Schema
  build(written: z.output<Schema>, builder: VendorBuilder): Settings
}

/** Infers both types from one literal. */
export function vendorSection<Schema extends z.ZodType, Settings>(
  section: VendorSection<Schema, Settings>,
): VendorSection<Schema, Settings> {
  return section
}

const nameSentence =
  'must be a short name of lower-case letters, digits and hyphens, such as intune or uem-europe'
const urlSentence =
  'must be an https:// address without user name, query or fragment, such as https://mdm.example.com (http:// only on this machine)'
const proxySentence = 'must be http:// or https:// with host and port, such as http://proxy.example.com:3128'

/** The vendor's address: its credentials go there, so that it must be `https://`, except on this machine. */
export function vendorUrl(): z.ZodType<URL, string> {
  return z.codec(z.string({ error: said(urlSentence) }), z.custom<URL>(), {
    decode: (written, context) => parseVendorUrl(written) ?? refuse(context, written, urlSentence),
    encode: (url: URL | undefined) => url?.href ?? '',
  })
}

function parseVendorUrl(written: string): URL | undefined {
  if (!/^https?:\/\/[^\s\\/?#@]+(\/[^\s\\?#]*)?$/.test(written) || !URL.canParse(written)) return undefined
  const url = new URL(written)
  const guarded = url.protocol === 'https:' || isLoopback(url.hostname.replace(/^\[|\]$/g, ''))
  return guarded ? url : undefined
}

function proxyUrl(): z.ZodType<URL, string> {
  return z.codec(z.string({ error: said(proxySentence) }), z.custom<URL>(), {
    decode: (written, context) =>
      /^https?:\/\/[^\s\\/?#@]+\/?$/.test(written) && URL.canParse(written)
        ? new URL(written)
        : refuse(context, written, proxySentence),
    encode: (url: URL | undefined) => url?.origin ?? '',
  })
}

const proxy = z.strictObject({
  url: proxyUrl().meta({ description: 'Its address.', examples: ['http://proxy.example.com:3128'] }),
  user: z.string().min(1).exactOptional().meta({ description: 'The user, where it asks for one (Basic).' }),
  password: secretSource().exactOptional().meta({ description: 'That user’s password.' }),
})

export const commonKeys = {
  name: z
    .string({ error: said(nameSentence) })
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, nameSentence)
    .meta({
      description:
        'What policies, logs and commands call this connection. Keep it: a new name is a new vendor.',
      examples: ['intune'],
    }),
  ca: z
    .array(path())
    .prefault([])
    .meta({
      description:
        'PEM files of the only CAs that may vouch for the vendor; for servers with a certificate of an internal CA.',
      examples: [['../certs/internal-ca.crt']],
    }),
  proxy: proxy.exactOptional().meta({ description: 'The web proxy by which the vendor is reached.' }),
  timeout: duration().prefault('30s').meta({
    description:
      'How long the vendor may take to accept a connection, and to begin or to go on with an answer.',
  }),
}

const shortestSecret = 16

const webhook = z.strictObject({
  user: z
    .string()
    .min(1)
    .exactOptional()
    .meta({
      description: 'The user name that the vendor sends (Basic). Left out: any.',
      examples: ['notify'],
    }),
  secret: secretSource().meta({
    description:
      'At least 16 characters: the password that the vendor sends (Basic), or `Authorization: Bearer` of it, or the last part of the address.',
    examples: [{ env: 'NOTIFY_SECRET' }],
  }),
})

/** For the vendors that send notifications. @param where to enter the address in the vendor's console */
export function webhookKey(where: string) {
  return {
    webhook: webhook.exactOptional().meta({
      description: `Takes the vendor’s own notifications, so that a change counts within seconds: ${where} Needs \`compliance.webhooks\`.`,
    }),
  }
}

/** Text that must not be empty. */
export function name(): z.ZodString {
  return z.string({ error: said('must be a text') }).min(1, 'must not be empty')
}

type WrittenCommon = z.output<z.ZodObject<typeof commonKeys>> & {
  readonly url: URL
  readonly webhook?: z.output<typeof webhook>
}

/** Reads what the settings of one connection name; collects what cannot be read. */
export class VendorBuilder {
  readonly #readers: SecretReaders
  readonly #path: KeyPath
  readonly #mistakes: Mistake[]

  /** @param path of the connection in the file: `['compliance', 'vendors', 0]` */
  constructor(readers: SecretReaders, path: KeyPath, mistakes: Mistake[]) {
    this.#readers = readers
    this.#path = path
    this.#mistakes = mistakes
  }

  common({ name, url, ca, proxy, timeout, webhook }: WrittenCommon): VendorCommon {
    return {
      name,
      url,
      timeout,
      ca: ca.map((file, index) => this.file(file, 'ca', index)),
      ...(proxy && { proxy: this.#proxy(proxy) }),
      ...(webhook && { webhook: this.#webhook(webhook) }),
    }
  }

  #webhook({ user, secret: source }: NonNullable<WrittenCommon['webhook']>): WebhookSecret {
    const before = this.#mistakes.length
    const secret = this.secret(source, 'webhook', 'secret')
    if (this.#mistakes.length === before && secret.reveal().length < shortestSecret)
      this.mistake(`must have at least ${shortestSecret} characters`, 'webhook', 'secret')
    return { secret, ...(user !== undefined && { user }) }
  }

  /** An empty one when there is none: a mistake is noted, and settings with mistakes are not used. */
  secret(source: SecretSource, ...key: KeyPath): Secret {
    const secret = readSecret(source, this.#readers)
    if (typeof secret !== 'string') return secret
    this.mistake(secret, ...key)
    return new Secret('', source)
  }

  optionalSecret(source: SecretSource | undefined, ...key: KeyPath): Secret | undefined {
    return source && this.secret(source, ...key)
  }

  /** An empty one when it is not written, which the caller has noted as a mistake. */
  secretOrEmpty(source: SecretSource | undefined, ...key: KeyPath): Secret {
    return this.optionalSecret(source, ...key) ?? new Secret('', { env: '' })
  }

  /** The text of a file. */
  file(file: string, ...key: KeyPath): string {
    const read = this.#readers.readFile(this.#readers.resolve(file))
    if (read.text === undefined) this.mistake(read.mistake, ...key)
    return read.text ?? ''
  }

  /** Notes what only several keys together show. */
  mistake(message: string, ...key: KeyPath): void {
    this.#mistakes.push({ path: [...this.#path, ...key], message })
  }

  #proxy({ url, user, password }: NonNullable<WrittenCommon['proxy']>): NonNullable<VendorCommon['proxy']> {
    if (password !== undefined && user === undefined)
      this.mistake('`password` needs `user`', 'proxy', 'password')
    return {
      url,
      ...(user !== undefined && { user }),
      ...(password && { password: this.secret(password, 'proxy', 'password') }),
    }
  }
}
