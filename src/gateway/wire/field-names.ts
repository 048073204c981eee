/**
 * Header field names, looked up once: lower case, and what the parser has to know of each. Names that clients use
 * again and again are remembered, so that a field costs one look-up.
 */
export interface FieldName {
  /** Lower case. */
  readonly name: string
  readonly kind: FieldKind
  /** One bit for a field that may stand once; 0 for others. */
  readonly bit: number
}

/**
 * `odd`: a token with characters that CGI, WSGI and PHP fold into others (`X_Device_Id` becomes `X-Device-Id` there);
 * dropped unless the service allows the name. `hop`: a field of one HTTP/1 connection, malformed in HTTP/2.
 */
export type FieldKind =
  | 'ordinary'
  | 'odd'
  | 'hop'
  | 'host'
  | 'content-length'
  | 'transfer-encoding'
  | 'connection'
  | 'upgrade'
  | 'expect'
  | 'cookie'
  | 'te'
  | 'via'

const acting: Readonly<Record<string, FieldKind>> = {
  host: 'host',
  'content-length': 'content-length',
  'transfer-encoding': 'transfer-encoding',
  connection: 'connection',
  upgrade: 'upgrade',
  expect: 'expect',
  cookie: 'cookie',
  te: 'te',
  via: 'via',
  'keep-alive': 'hop',
  'proxy-connection': 'hop',
  'http2-settings': 'hop',
}

/**
 * A second line of any of these is refused: one program would take the first and another the last. Beside those of
 * HTTP itself, everything that the gateway reads as one value.
 */
const singletons = [
  'host',
  'content-length',
  'transfer-encoding',
  'content-type',
  'authorization',
  'expect',
  'user-agent',
  'origin',
  'referer',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-user',
  'sec-websocket-key',
  'sec-websocket-version',
  'proxy-authorization',
  'content-digest',
  'signature',
  'signature-input',
  'date',
  'max-forwards',
  'from',
  'x-forwarded-proto',
  'x-ms-webticket',
  'ms-asprotocolversion',
  'x-ms-policykey',
]

const longestName = 128
/** Names beyond these are looked at each time; the bound keeps clients from filling the memory. */
const remembered = 1024

export class FieldNames {
  readonly #known = new Map<string, FieldName>()

  /** @returns undefined when the text is no field name at all */
  lookUp(raw: string): FieldName | undefined {
    return this.#known.get(raw) ?? this.#learn(raw)
  }

  #learn(raw: string): FieldName | undefined {
    const field = parseFieldName(raw)
    if (field !== undefined && this.#known.size < remembered) this.#known.set(raw, field)
    return field
  }
}

function parseFieldName(raw: string): FieldName | undefined {
  if (raw.length > longestName || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(raw)) return undefined
  const name = raw.toLowerCase()
  if (!/^[0-9a-z-]+$/.test(name)) return { name, kind: 'odd', bit: 0 }
  const index = singletons.indexOf(name)
  const kind = Object.hasOwn(acting, name) ? acting[name]! : 'ordinary'
  return { name, kind, bit: index < 0 ? 0 : 1 << index }
}
