/**
 * IP addresses, read strictly. The source address is a credential here, and programs that read `010.0.0.1`, `10.1` or `fe80::1%eth0`
 * differently let one address pass for another: such forms are no addresses. An IPv4-mapped IPv6 address is its IPv4 address.
 */
export type Address =
  | { readonly family: 4; readonly value: number }
  | { readonly family: 6; readonly value: bigint }

/** @returns undefined when the text is no address in a form that all programs read alike */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(':')) {
    const value = parseIpv4(text)
    return value < 0 ? undefined : { family: 4, value }
  }
  const value = parseIpv6(text)
  if (value === undefined) return undefined
  return value >> 32n === mappedPrefix
    ? { family: 4, value: Number(value & 0xffffffffn) }
    : { family: 6, value }
}

/** One text for one address: IPv4 dotted, IPv6 as RFC 5952 writes it. Undefined when the text is no address. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text)
  return address === undefined ? undefined : formatAddress(address)
}

/** One subscriber, for what is counted by address: an IPv4 address, or the /64 that it has of IPv6. */
export function networkOf(source: string): string {
  const address = parseAddress(source)
  return address?.family === 6 ? String(address.value >> 64n) : source
}

export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIpv4(address.value) : formatIpv6(address.value)
}

const mappedPrefix = 0xffffn

/** @returns -1 when the text is no IPv4 address. A loop over characters: this runs for each new source address. */
function parseIpv4(text: string): number {
  if (text.length < 7 || text.length > 15) return -1
  let value = 0
  let octet = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x2e) {
      if (octet < 0 || ++dots > 3) return -1
      value = value * 256 + octet
      octet = -1
    } else if (code >= 0x30 && code <= 0x39 && octet !== 0) {
      octet = octet < 0 ? code - 0x30 : octet * 10 + code - 0x30
      if (octet > 255) return -1
    } else return -1
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1
}

function parseIpv6(text: string): bigint | undefined {
  if (text.length > 45) return undefined
  const [left, right, ...more] = text.split('::')
  if (more.length > 0) return undefined
  const head = parseGroups(left!, right === undefined)
  const tail = right === undefined ? [] : parseGroups(right, true)
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  // RFC 4291, 2.2: `::` stands for one group or more.
  if (right === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail]
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n)
}

/** @param atEnd the text ends the address, where an IPv4 address may stand for the last two groups */
function parseGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16))
    else {
      const ipv4 = atEnd && index === parts.length - 1 ? parseIpv4(part) : -1
      if (ipv4 < 0) return undefined
      groups.push(Math.floor(ipv4 / 65536), ipv4 % 65536)
    }
  }
  return groups
}

function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number((value >> BigInt(112 - 16 * index)) & 0xffffn),
  )
  const { start, length } = longestZeros(groups)
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

/** RFC 5952, 4.2: the longest run of zero groups, the first of equally long ones. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start }
  }
  return best
}
