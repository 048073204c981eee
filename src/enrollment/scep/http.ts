import { mostBytes, type ScepAnswer, type ScepRequest, ScepUnreadable } from './scep.ts'

export type Operation = 'GetCACaps' | 'GetCACert' | 'PKIOperation' | 'GetNextCACert'

/** Undefined: one that there is not. A POST without any is PKIOperation: some clients leave it out. */
export function operationOf({ method, query }: ScepRequest): Operation | undefined {
  const written = rawField(query, 'operation')
  if (written === undefined) return method === 'POST' ? 'PKIOperation' : undefined
  switch (written.toLowerCase()) {
    case 'getcacaps':
      return 'GetCACaps'
    case 'getcacert':
      return 'GetCACert'
    case 'pkioperation':
      return 'PKIOperation'
    case 'getnextcacert':
      return 'GetNextCACert'
    default:
      return undefined
  }
}

/** The message of a PKIOperation, DER. @throws {ScepUnreadable} */
export function messageOf({ method, query, body }: ScepRequest): Buffer {
  if (method === 'POST') {
    if (body.length === 0 || body.length > mostBytes)
      throw new ScepUnreadable('No message, or one that is too long')
    return body
  }
  const message = rawField(query, 'message')
  if (message === undefined || message.length > mostBytes * 2)
    throw new ScepUnreadable('No message, or one that is too long')
  return fromBase64(message)
}

/**
 * Three kinds are in use: escaped (certmonger), with `+` and `/` as they are (macOS), and base64url; some have line breaks in it
 * (OpenSSL's own encoder). What parses forms on the way makes spaces of `+`, which nothing else can be.
 */
function fromBase64(text: string): Buffer {
  let plain: string
  try {
    plain = decodeURIComponent(text)
      .replaceAll(/[\r\n]/g, '')
      .replaceAll(' ', '+')
  } catch (cause) {
    throw new ScepUnreadable('Not base64', { cause })
  }
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(plain)) throw new ScepUnreadable('Not base64')
  return Buffer.from(plain, 'base64') // both alphabets
}

function rawField(query: string, name: string): string | undefined {
  const field = query.split('&', 8).find((part) => part.startsWith(`${name}=`))
  return field?.slice(name.length + 1)
}

/** The types are compared to the letter by clients: no charset. What a GET brings about is not to be kept by anybody. */
export function answer(type: string, body: Buffer | string): ScepAnswer {
  return {
    status: 200,
    headers: [
      ['Content-Type', type],
      ['Cache-Control', 'no-store'],
    ],
    body: typeof body === 'string' ? Buffer.from(body, 'latin1') : body,
  }
}

export function plainAnswer(status: number, text: string, more: ScepAnswer['headers'] = []): ScepAnswer {
  return {
    status,
    headers: [['Content-Type', 'text/plain'], ['Cache-Control', 'no-store'], ...more],
    body: Buffer.from(`${text}\n`, 'utf8'),
  }
}
