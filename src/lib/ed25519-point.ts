const p = 2n ** 255n - 19n
const d = mod(-121665n * power(121666n, p - 2n))
const rootOfMinusOne = power(2n, (p - 1n) / 4n)

/**
 * Is this the encoding of a point on edwards25519 (RFC 8032, 5.1.3) that is not of small order? OpenSSL takes any 32
 * bytes for a key; with a point of small order some signature fits every message.
 */
export function isUsablePoint(encoded: Uint8Array): boolean {
  if (encoded.length !== 32) return false
  const bytes = Uint8Array.from(encoded).reverse()
  const sign = (bytes[0] ?? 0) >> 7
  bytes[0] = (bytes[0] ?? 0) & 0x7f
  const y = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  if (y >= p) return false
  const x = recoverX(y, sign)
  return x !== undefined && !isSmallOrder(x, y)
}

function recoverX(y: bigint, sign: number): bigint | undefined {
  const square = mod((y * y - 1n) * power(mod(d * y * y + 1n), p - 2n))
  if (square === 0n) return sign === 1 ? undefined : 0n
  let x = power(square, (p + 3n) / 8n)
  if (mod(x * x - square) !== 0n) x = mod(x * rootOfMinusOne)
  if (mod(x * x - square) !== 0n) return undefined
  return Number(x & 1n) === sign ? x : p - x
}

/** Eight times the point is the neutral element (0, 1). */
function isSmallOrder(x: bigint, y: bigint): boolean {
  let point = { x, y }
  for (let i = 0; i < 3; i++) point = double(point)
  return point.x === 0n && point.y === 1n
}

function double({ x, y }: { readonly x: bigint; readonly y: bigint }): { x: bigint; y: bigint } {
  const product = mod(d * x * x * y * y)
  return {
    x: mod(2n * x * y * power(mod(1n + product), p - 2n)),
    y: mod((y * y + x * x) * power(mod(1n - product), p - 2n)),
  }
}

function mod(value: bigint): bigint {
  const rest = value % p
  return rest < 0n ? rest + p : rest
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = mod(base)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % p
    square = (square * square) % p
  }
  return result
}
