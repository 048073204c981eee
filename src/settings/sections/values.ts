/** The kinds of values that several sections share. Each decodes what is written and encodes it again the same way. */
import { z } from 'zod'
import { parseCidr } from '../../lib/ip-set.ts'
import { compilePathPattern } from '../../lib/path-pattern.ts'
import {
  durationPattern,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  sizePattern,
} from '../../lib/units.ts'
import type { ListenAddress } from '../listen-address.ts'

/** The sentence `must be …`, for a value that is of the wrong type or not there at all. */
export function said(sentence: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => (input === undefined ? sentence.replace(/^must be/, 'is missing:') : sentence)
}

/** @returns milliseconds */
export function duration(): z.ZodType<number, string> {
  const sentence = 'must be a duration such as 500ms, 10s, 5m, 1h or 7d'
  return z.codec(z.string({ error: said(sentence) }).regex(durationPattern, sentence), z.number(), {
    decode: (text, context) => parseDuration(text) ?? refuse(context, text, sentence),
    encode: formatDuration,
  })
}

/** What Node's timers hold: a longer one would be over at once. */
const longestTimer = 24 * 86_400_000

/** A duration that something waits for. @returns milliseconds, 24 days at most */
export function timer(): z.ZodType<number, string> {
  return duration().refine((milliseconds) => milliseconds <= longestTimer, 'must be 24d at most')
}

/** @returns bytes */
export function size(): z.ZodType<number, string> {
  const sentence = 'must be a size such as 500B, 64KiB, 10MiB or 1GiB'
  return z.codec(z.string({ error: said(sentence) }).regex(sizePattern, sentence), z.number(), {
    decode: (text, context) => parseSize(text) ?? refuse(context, text, sentence),
    encode: formatSize,
  })
}

/** A whole number of at least one. */
export function count(): z.ZodType<number, number> {
  return z.int().min(1)
}

/** The path of a file, as written: resolving needs to know the folder of the settings. */
export function path(): z.ZodType<string, string> {
  return z.string().min(1, 'must be the path of a file')
}

const listenSentence = 'must be an address and a port such as https://0.0.0.0:8443 or http://[::1]:8080'

export function listenAddress(): z.ZodType<ListenAddress, string> {
  return z.codec(z.string({ error: said(listenSentence) }), z.custom<ListenAddress>(), {
    decode: (text, context) => parseListenAddress(text) ?? refuse(context, text, listenSentence),
    encode: formatListenAddress,
  })
}

export function formatListenAddress({ scheme, host, port }: ListenAddress): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(https?):\/\/(\d+\.\d+\.\d+\.\d+|localhost|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(text)
  if (match === null || Number(match[3]) > 65_535) return undefined
  // The URL parser knows which addresses there are, and writes each in one way.
  if (!URL.canParse(text)) return undefined
  const host = new URL(text).hostname.replace(/^\[|\]$/g, '')
  return { scheme: match[1] === 'https' ? 'https' : 'http', host, port: Number(match[3]) }
}

const hostSentence = 'must be a host name without scheme, port or path, such as mail.example.com'
// Both cases: the schema for editors has no flag to ignore them.
const label = '[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
const hostPattern = new RegExp(`^${label}(\\.${label})*$`)
const hostOrWildcardPattern = new RegExp(`^(\\*\\.)?${label}(\\.${label})*$`)

/** @returns the name in lower case */
export function hostName(): z.ZodType<string, string> {
  return z
    .string({ error: said(hostSentence) })
    .toLowerCase()
    .max(253)
    .regex(hostPattern, hostSentence)
}

/** As `hostName`, or with `*.` in front for any one label. */
export function hostNameOrWildcard(): z.ZodType<string, string> {
  return z
    .string({ error: said(hostSentence) })
    .toLowerCase()
    .max(253)
    .regex(hostOrWildcardPattern, hostSentence)
}

const originUrlSentence =
  'must be http:// or https:// with a host and perhaps a port, without path, query or user name'

/** The address of an upstream: the client's own path and query are sent there, so that it has none of its own. */
export function originUrl(): z.ZodType<URL, string> {
  return z.codec(z.string({ error: said(originUrlSentence) }), z.custom<URL>(), {
    decode: (text, context) => parseOriginUrl(text) ?? refuse(context, text, originUrlSentence),
    encode: ({ origin }) => origin,
  })
}

function parseOriginUrl(text: string): URL | undefined {
  // What the URL parser would tidy away (`\`, tabs, `http:host`) is refused before it does.
  if (!/^https?:\/\/[^\s\\/?#@]+\/?$/.test(text) || !URL.canParse(text)) return undefined
  return new URL(text)
}

const urlSentence = 'must be an address such as https://login.example.com/keys, without user name'

export function webUrl(): z.ZodType<URL, string> {
  return z.codec(z.string({ error: said(urlSentence) }), z.custom<URL>(), {
    decode: (text, context) => parseWebUrl(text) ?? refuse(context, text, urlSentence),
    // zod encodes optional values that are absent, too, and then drops them.
    encode: (url: URL | undefined) => url?.href ?? '',
  })
}

/** Kept as written: tokens name their issuer to the letter (RFC 7519, 4.1.1). */
export function issuer(): z.ZodType<string, string> {
  return z.string({ error: said(urlSentence) }).refine((text) => parseWebUrl(text) !== undefined, urlSentence)
}

function parseWebUrl(text: string): URL | undefined {
  return /^https?:\/\/[^\s\\/?#@]+(\/[^\s\\#]*)?$/.test(text) && URL.canParse(text)
    ? new URL(text)
    : undefined
}

const originSentence = 'must be an origin such as https://portal.example.com'

/** A value of Origin, in the one way in which browsers write it. */
export function webOrigin(): z.ZodType<string, string> {
  return z
    .string({ error: said(originSentence) })
    .toLowerCase()
    .refine((text) => parseOriginUrl(text)?.origin === text, originSentence)
}

const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** RFC 9110 5.6.2: what methods and field names are made of. */
export function token(sentence: string): z.ZodString {
  return z
    .string({ error: said(sentence) })
    .max(128)
    .regex(tokenPattern, sentence)
}

/** CONNECT opens tunnels and TRACE shows the headers that the gateway added: neither is ever forwarded. */
export function method(): z.ZodType<string, string> {
  const sentence = 'must be a method in capital letters such as PROPFIND'
  return token(sentence)
    .regex(/^[^a-z]+$/, sentence)
    .refine((name) => name !== 'CONNECT' && name !== 'TRACE', 'CONNECT and TRACE are never forwarded')
}

const rangeSentence = 'must be an address or a network such as 10.0.0.5, 10.0.0.0/24 or fd00::/8'

/** A CIDR or a single address. */
export function addressRange(): z.ZodType<string, string> {
  return z.string({ error: said(rangeSentence) }).superRefine(complains(parseCidr))
}

const patternSentence = 'must be a path such as /healthcheck.htm, or /files/* for all below it'

/** A pattern of canonical paths. */
export function pathPattern(): z.ZodType<string, string> {
  return z.string({ error: said(patternSentence) }).superRefine(complains(compilePathPattern))
}

/** Checks a text with a reader that throws a `RangeError` in words for administrators. */
function complains(read: (text: string) => unknown) {
  return (text: string, context: z.RefinementCtx) => {
    try {
      read(text)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
    }
  }
}

export function refuse(context: z.core.ParsePayload, input: unknown, message: string): never {
  context.issues.push({ code: 'custom', input, message })
  return z.NEVER
}
