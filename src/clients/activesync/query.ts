import { decodeBase64 } from '../../lib/base64.ts'
import { type FormPair, parseForm } from '../../lib/form.ts'
import { MalformedInput } from '../../lib/malformed-input.ts'
import { RequestRefused } from '../refused.ts'

/** What the query of an ActiveSync request says (MS-ASHTTP 2.2.1.1.1). All of it is claimed by the client. */
export interface ActiveSyncQuery {
  /** In lower case, the spelling of its key first; empty when the request names no device. */
  readonly deviceIds: readonly string[]
  readonly deviceType?: string
  readonly user?: string
}

/**
 * Reads the plain form (`Cmd=Sync&User=…`) or the base64 form, and refuses what is neither or both: servers do not
 * agree on which of two device ids wins, and one of them skips what it cannot decode.
 * @throws RequestRefused, MalformedInput
 */
export function readActiveSyncQuery(query: string | undefined, method: string): ActiveSyncQuery {
  if (query === undefined || query === '') return { deviceIds: [] }
  const binary = decodeBinary(query)
  if (binary !== undefined) return readBinary(binary)
  const pairs = parseForm(query).map(([name, value]) => [foldedName(name), value] as const)
  if (looksBinary(query)) throw new RequestRefused('client.ambiguous')
  // Without Cmd some servers take whatever is there for base64; only OPTIONS needs no command.
  if (method !== 'OPTIONS' && only(pairs, 'cmd') === undefined)
    throw new MalformedInput('no ActiveSync command')
  return readPlain(pairs)
}

/** As servers see a name: without regard to case (IIS), surrounding space, and array brackets (PHP). */
function foldedName(name: string): string {
  const bracket = name.indexOf('[')
  return (bracket < 0 ? name : name.slice(0, bracket)).trim().toLowerCase()
}

function readPlain(pairs: readonly FormPair[]): ActiveSyncQuery {
  only(pairs, 'cmd')
  const deviceId = only(pairs, 'deviceid')
  if (deviceId !== undefined && !/^[A-Za-z0-9]{1,32}$/.test(deviceId)) throw new MalformedInput('DeviceId')
  return described({
    deviceIds: deviceId === undefined ? [] : [deviceId.toLowerCase()],
    deviceType: only(pairs, 'devicetype'),
    user: only(pairs, 'user'),
  })
}

function only(pairs: readonly FormPair[], name: string): string | undefined {
  const found = pairs.filter(([other]) => other === name)
  if (found.length > 1) throw new RequestRefused('client.ambiguous')
  return found[0]?.[1]
}

interface Claims {
  readonly deviceIds: readonly string[]
  readonly deviceType: string | undefined
  readonly user: string | undefined
}

function described({ deviceIds, deviceType, user }: Claims): ActiveSyncQuery {
  const isType = deviceType !== undefined && /^[\x20-\x7e]{1,64}$/.test(deviceType)
  return { deviceIds, ...(isType && { deviceType }), ...(user !== undefined && user !== '' && { user }) }
}

const versions: ReadonlySet<number> = new Set([121, 140, 141, 160, 161])

/** The first six bits of each version, as base64 writes them: `e`, `j` or `o`. Spares plain queries the decoding. */
function mayBeBinary(query: string): boolean {
  return /^[^A-Za-z0-9+/]*[ejo]/.test(query)
}

/** The bytes of a query that is base64 from end to end; `+`, `/` and `=` may be percent-encoded. */
function decodeBinary(query: string): Buffer | undefined {
  if (!mayBeBinary(query)) return undefined
  const text = query.replaceAll(/%2b/gi, '+').replaceAll(/%2f/gi, '/').replaceAll(/%3d/gi, '=')
  const bytes = decodeBase64(text)
  return bytes !== undefined && versions.has(bytes[0] ?? 0) ? bytes : undefined
}

/** Would a decoder that skips what is not base64 find a device in this text? What follows the device it would bear. */
function looksBinary(query: string): boolean {
  if (!mayBeBinary(query)) return false
  const bytes = Buffer.from(query.slice(0, 128), 'base64')
  const length = bytes[4] ?? 0
  return versions.has(bytes[0] ?? 0) && length > 0 && length <= 32
}

/** Layout of MS-ASHTTP 2.2.1.1.1.1: version, command, locale, then three fields that begin with their length. */
function readBinary(bytes: Buffer): ActiveSyncQuery {
  const reader = new ByteReader(bytes, 4)
  const deviceId = reader.counted()
  if (deviceId.length < 1 || deviceId.length > 32) throw new MalformedInput('DeviceId')
  const policyKey = reader.counted()
  if (policyKey.length !== 0 && policyKey.length !== 4) throw new MalformedInput('policy key')
  const deviceType = reader.counted().toString('latin1')
  return described({ deviceIds: deviceIdSpellings(deviceId), deviceType, user: readUser(reader) })
}

const highestTag = 8
const userTag = 8

function readUser(reader: ByteReader): string | undefined {
  let user: string | undefined
  while (reader.left > 0) {
    const tag = reader.byte()
    const value = reader.counted()
    if (tag > highestTag) throw new MalformedInput('ActiveSync parameter')
    if (tag !== userTag) continue
    if (user !== undefined) throw new RequestRefused('client.ambiguous')
    user = value.toString('utf8')
  }
  return user
}

/**
 * An id is text, or the 16 bytes of a GUID. The same phone writes that GUID as text in the plain form: its bytes in
 * order, or with the first three fields turned round as Windows prints them. Each spelling is a key of its own.
 */
function deviceIdSpellings(id: Buffer): string[] {
  const text = id.toString('latin1')
  if (/^[A-Za-z0-9]+$/.test(text)) return [text.toLowerCase()]
  if (id.length !== 16) throw new MalformedInput('DeviceId')
  const turned = Buffer.from(id)
  turned.subarray(0, 4).reverse()
  turned.subarray(4, 6).reverse()
  turned.subarray(6, 8).reverse()
  return [id.toString('hex'), turned.toString('hex')]
}

class ByteReader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, start: number) {
    if (bytes.length < start) throw new MalformedInput('ActiveSync query is cut short')
    this.#bytes = bytes
    this.#at = start
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw new MalformedInput('ActiveSync query is cut short')
    this.#at += 1
    return value
  }

  /** A length byte and so many bytes. */
  counted(): Buffer {
    const length = this.byte()
    if (length > this.left) throw new MalformedInput('a length in the ActiveSync query runs past its end')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}
