import { canonicalAddress } from '../../lib/ip-address.ts'

/** What a load balancer says of the client before the first byte of TLS or HTTP (the PROXY protocol, versions 1 and 2). */
export type ProxyHeader =
  /** `address` is undefined for LOCAL and UNKNOWN: the connection is the load balancer's own. */
  | { readonly kind: 'header'; readonly length: number; readonly address: string | undefined }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'invalid' }

const incomplete: ProxyHeader = { kind: 'incomplete' }
const invalid: ProxyHeader = { kind: 'invalid' }
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const longestV1 = 107
const fixedV2 = 16
/** The whole of version 2: more than TLVs of load balancers in use need. */
const longestV2 = 536

/** The most bytes that are needed to judge. */
export const longestProxyHeader = longestV2

export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return incomplete
  if (bytes[0] === signature[0]) return parseV2(bytes)
  const start = bytes.subarray(0, 6).toString('latin1')
  return 'PROXY '.startsWith(start) ? parseV1(bytes) : invalid
}

function parseV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, longestV1).indexOf('\r\n')
  if (end < 0) return bytes.length < longestV1 ? incomplete : invalid
  const length = end + 2
  const line = bytes.toString('latin1', 0, end)
  // Whatever follows UNKNOWN is to be ignored.
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN '))
    return { kind: 'header', length, address: undefined }
  const [, family, source, destination, sourcePort, destinationPort, ...more] = line.split(' ')
  const v6 = family === 'TCP6'
  if (more.length > 0 || (!v6 && family !== 'TCP4') || !isPort(sourcePort) || !isPort(destinationPort))
    return invalid
  const address = addressOf(source, v6)
  return address === undefined || addressOf(destination, v6) === undefined
    ? invalid
    : { kind: 'header', length, address }
}

function addressOf(text: string | undefined, v6: boolean): string | undefined {
  return text !== undefined && text.includes(':') === v6 ? canonicalAddress(text) : undefined
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535
}

function parseV2(bytes: Buffer): ProxyHeader {
  const seen = Math.min(bytes.length, signature.length)
  if (!bytes.subarray(0, seen).equals(signature.subarray(0, seen))) return invalid
  if (bytes.length < fixedV2) return incomplete
  const command = bytes[12]
  const length = fixedV2 + bytes.readUInt16BE(14)
  if (length > longestV2 || (command !== 0x20 && command !== 0x21)) return invalid
  if (bytes.length < length) return incomplete
  const header = bytes.subarray(0, length)
  if (command === 0x20)
    return checksumHolds(header, fixedV2) ? { kind: 'header', length, address: undefined } : invalid
  return parseProxied(header)
}

/** Stream over IPv4 or IPv6; UNSPEC keeps the peer. Sockets of other kinds have no business here. */
function parseProxied(header: Buffer): ProxyHeader {
  const { length } = header
  const family = header[13]
  if (family === 0x00) return { kind: 'header', length, address: undefined }
  const size = family === 0x11 ? 12 : family === 0x21 ? 36 : 0
  if (size === 0 || length < fixedV2 + size || !checksumHolds(header, fixedV2 + size)) return invalid
  const address = canonicalAddress(size === 12 ? ipv4(header) : ipv6(header))
  return address === undefined ? invalid : { kind: 'header', length, address }
}

function ipv4(header: Buffer): string {
  return header.subarray(fixedV2, fixedV2 + 4).join('.')
}

function ipv6(header: Buffer): string {
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(header.readUInt16BE(fixedV2 + i).toString(16))
  return groups.join(':')
}

/** The TLVs have to fit exactly, and a CRC32C among them has to be right. What they say of TLS is not believed. */
function checksumHolds(header: Buffer, start: number): boolean {
  let at = start
  while (at < header.length) {
    if (at + 3 > header.length) return false
    const size = header.readUInt16BE(at + 1)
    const next = at + 3 + size
    if (next > header.length) return false
    if (header[at] === 0x03 && !(size === 4 && crcHolds(header, at + 3))) return false
    at = next
  }
  return true
}

function crcHolds(header: Buffer, at: number): boolean {
  const zeroed = Buffer.from(header)
  zeroed.writeUInt32BE(0, at)
  return crc32c(zeroed) === header.readUInt32BE(at)
}

/** Castagnoli's polynomial, bit by bit: at most 536 bytes a connection. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc >>> 0
}
