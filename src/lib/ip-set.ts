import { type Address, formatAddress, parseAddress } from './ip-address.ts'

export { type Address, canonicalAddress, parseAddress } from './ip-address.ts'

/** The first and last address of a network, or why the text is none. */
export type ParsedCidr =
  | { readonly family: 4; readonly first: number; readonly last: number }
  | { readonly family: 6; readonly first: bigint; readonly last: bigint }

/**
 * A set of networks as sorted ranges that do not touch: a look-up is one binary search, so that ten thousand networks
 * cost about as much as ten.
 */
export class IpSet {
  readonly #ipv4: Ranges<number>
  readonly #ipv6: Ranges<bigint>

  private constructor(ipv4: Ranges<number>, ipv6: Ranges<bigint>) {
    this.#ipv4 = ipv4
    this.#ipv6 = ipv6
  }

  /** @throws {RangeError} that names the entry and what is wrong with it */
  static of(cidrs: readonly string[]): IpSet {
    const ipv4: [number, number][] = []
    const ipv6: [bigint, bigint][] = []
    for (const text of cidrs) {
      const cidr = parseCidr(text)
      if (cidr.family === 4) ipv4.push([cidr.first, cidr.last])
      else ipv6.push([cidr.first, cidr.last])
    }
    return new IpSet(merge(ipv4, 1), merge(ipv6, 1n))
  }

  /** Text that is no address is in no set. */
  has(address: string): boolean {
    const parsed = parseAddress(address)
    return parsed !== undefined && this.hasAddress(parsed)
  }

  hasAddress(address: Address): boolean {
    return address.family === 4 ? contains(this.#ipv4, address.value) : contains(this.#ipv6, address.value)
  }

  /** Is each address of `other` in this set? True of an empty `other`. */
  covers(other: IpSet): boolean {
    return coversRanges(this.#ipv4, other.#ipv4) && coversRanges(this.#ipv6, other.#ipv6)
  }

  overlaps(other: IpSet): boolean {
    return overlapRanges(this.#ipv4, other.#ipv4) || overlapRanges(this.#ipv6, other.#ipv6)
  }

  /** All of IPv4 or all of IPv6, be it in one piece or in several. */
  get coversEverything(): boolean {
    return coversRanges(this.#ipv4, everyIpv4) || coversRanges(this.#ipv6, everyIpv6)
  }

  get isEmpty(): boolean {
    return this.#ipv4.first.length === 0 && this.#ipv6.first.length === 0
  }
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or one address.
 *
 * @throws {RangeError} that says what is wrong; for host bits, with the network that was probably meant
 */
export function parseCidr(text: string): ParsedCidr {
  const slash = text.indexOf('/')
  const addressText = slash < 0 ? text : text.slice(0, slash)
  const address = parseAddress(addressText)
  if (address === undefined) throw new RangeError(`${quoted(text)} is no IP address or network (CIDR)`)
  const bits = address.family === 4 ? 32 : 128
  // An IPv4-mapped network (::ffff:10.0.0.0/104) counts its prefix from IPv6.
  const mapped = address.family === 4 && addressText.includes(':')
  const prefix = slash < 0 ? bits : Number(prefixText(text, slash)) - (mapped ? 96 : 0)
  if (prefix < 0 || prefix > bits) throw new RangeError(`${quoted(text)}: the prefix length is out of range`)
  const { first, last } = rangeOf(address, prefix)
  if (address.value !== first) {
    const network = formatAddress({ family: address.family, value: first } as Address) // the family goes with its value
    throw new RangeError(`${quoted(text)} has host bits set; the network is ${network}/${prefix}`)
  }
  return { family: address.family, first, last } as ParsedCidr // as above
}

function prefixText(text: string, slash: number): string {
  const prefix = text.slice(slash + 1)
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix)) throw new RangeError(`${quoted(text)} has no valid prefix length`)
  return prefix
}

function rangeOf(address: Address, prefix: number): { first: number | bigint; last: number | bigint } {
  if (address.family === 4) {
    const size = 2 ** (32 - prefix)
    const first = Math.floor(address.value / size) * size
    return { first, last: first + size - 1 }
  }
  const hostBits = BigInt(128 - prefix)
  const first = (address.value >> hostBits) << hostBits
  return { first, last: first + (1n << hostBits) - 1n }
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 60))
}

/** `first[i]` to `last[i]`, ascending, with a gap between each two. */
interface Ranges<N extends number | bigint> {
  readonly first: readonly N[]
  readonly last: readonly N[]
}

const everyIpv4: Ranges<number> = { first: [0], last: [2 ** 32 - 1] }
const everyIpv6: Ranges<bigint> = { first: [0n], last: [2n ** 128n - 1n] }

function merge<N extends number | bigint>(ranges: [N, N][], one: N): Ranges<N> {
  ranges.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
  const first: N[] = []
  const last: N[] = []
  for (const [start, end] of ranges) {
    const top = last.length - 1
    // `-` on both sides of one family: number or bigint alike.
    if (top >= 0 && minus(start, one) <= last[top]!) last[top] = end > last[top]! ? end : last[top]!
    else {
      first.push(start)
      last.push(end)
    }
  }
  return { first, last }
}

function minus<N extends number | bigint>(a: N, b: N): N {
  return ((a as number) - (b as number)) as N // numbers or bigints: both are of one type N
}

/** The index of the last range that starts at or below `value`; -1 when there is none. */
function below<N extends number | bigint>({ first }: Ranges<N>, value: N): number {
  let low = 0
  let high = first.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    if (first[middle]! <= value) low = middle + 1
    else high = middle - 1
  }
  return high
}

function contains<N extends number | bigint>(ranges: Ranges<N>, value: N): boolean {
  const index = below(ranges, value)
  return index >= 0 && value <= ranges.last[index]!
}

function coversRanges<N extends number | bigint>(outer: Ranges<N>, inner: Ranges<N>): boolean {
  return inner.first.every((first, i) => {
    const index = below(outer, first)
    return index >= 0 && inner.last[i]! <= outer.last[index]!
  })
}

function overlapRanges<N extends number | bigint>(a: Ranges<N>, b: Ranges<N>): boolean {
  return b.last.some((last, i) => {
    const index = below(a, last)
    return index >= 0 && a.last[index]! >= b.first[i]!
  })
}
