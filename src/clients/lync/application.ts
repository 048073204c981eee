import type { RequestHead } from '../../domain/request-head.ts'
import { gunzipWithin } from '../../lib/gunzip.ts'
import { parseJsonObject } from '../../lib/json.ts'
import { MalformedInput } from '../../lib/malformed-input.ts'
import { mediaType } from '../extract.ts'
import { readableBody } from '../protocol.ts'
import { RequestRefused } from '../refused.ts'

/** What a client says of itself when it creates its application. */
export interface Application {
  readonly endpointId: string
  readonly type?: string
}

const longestEndpointId = 100
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the body of `POST …/applications`, JSON or XML, plain or gzip. Names are matched without regard to case, as
 * the server does.
 * @throws RequestRefused when the endpoint stands there twice; MalformedInput
 */
export function readApplication(head: RequestHead, body: Uint8Array): Application {
  const bytes = decodeBody(head, body)
  const type = mediaType(head)
  const members = /\bxml$/.test(type) ? xmlProperties(bytes) : jsonMembers(bytes)
  const endpointId = only(members, 'endpointid')
  const kind = only(members, 'type')
  if (endpointId === undefined || endpointId === '' || endpointId.length > longestEndpointId) {
    throw new MalformedInput('endpointId')
  }
  if (/[\x00-\x1f\x7f]/.test(endpointId)) throw new MalformedInput('endpointId')
  return { endpointId, ...(kind !== undefined && /^\w{1,32}$/.test(kind) && { type: kind }) }
}

function decodeBody(head: RequestHead, body: Uint8Array): Uint8Array {
  const encoding = head.fields.get('content-encoding')?.trim().toLowerCase()
  if (encoding === undefined || encoding === '' || encoding === 'identity') return body
  if (encoding !== 'gzip' && encoding !== 'x-gzip') throw new RequestRefused('client.ambiguous')
  return gunzipWithin(body, readableBody)
}

type Members = readonly (readonly [name: string, value: string])[]

function only(members: Members, name: string): string | undefined {
  const found = members.filter(([other]) => other.toLowerCase() === name)
  if (found.length > 1) throw new RequestRefused('client.ambiguous')
  return found[0]?.[1]
}

function jsonMembers(bytes: Uint8Array): Members {
  return Object.entries(parseJsonObject(bytes)).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : '',
  ])
}

const property = /<(?:\w{1,20}:)?property name="([\w.-]{1,64})">([^<&]{0,1024})<\/(?:\w{1,20}:)?property>/g

/**
 * The properties of the one XML document that clients send here. Anything by which XML could say the same in other
 * words (declarations, comments, CDATA, character references) is refused instead of being understood, and so is an
 * endpoint that is mentioned where this reader did not see it.
 */
function xmlProperties(bytes: Uint8Array): Members {
  const text = decodeXml(bytes)
  const properties = [...text.matchAll(property)].map(
    ([, name = '', value = '']) => [name, value.trim()] as const,
  )
  const mentioned = text.toLowerCase().split('endpointid').length - 1
  if (mentioned > properties.filter(([name]) => name.toLowerCase() === 'endpointid').length) {
    throw new RequestRefused('client.ambiguous')
  }
  return properties
}

function decodeXml(bytes: Uint8Array): string {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch (cause) {
    throw new MalformedInput('XML that is not UTF-8', { cause })
  }
  if (/<!|&#|\0/.test(text) || /\bencoding\s?=\s?["'](?!utf-8["'])/i.test(text)) {
    throw new MalformedInput('XML in a form that no client sends')
  }
  return text
}
