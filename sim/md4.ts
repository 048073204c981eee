/** MD4 (RFC 1320). NTLM keys need it, and today's OpenSSL no longer has it. For the simulation only. */
export function md4(input: Uint8Array): Buffer {
  const padded = pad(input)
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]
  for (let offset = 0; offset < padded.length; offset += 64)
    block(state, padded.subarray(offset, offset + 64))
  const digest = Buffer.alloc(16)
  state.forEach((word, index) => {
    digest.writeUInt32LE(word >>> 0, index * 4)
  })
  return digest
}

function pad(input: Uint8Array): Buffer {
  const padded = Buffer.alloc(Math.ceil((input.length + 9) / 64) * 64)
  padded.set(input)
  padded[input.length] = 0x80
  padded.writeUInt32LE(input.length * 8, padded.length - 8)
  return padded
}

interface Round {
  readonly mix: (x: number, y: number, z: number) => number
  readonly constant: number
  readonly order: readonly number[]
  readonly shifts: readonly number[]
}

const rounds: readonly Round[] = [
  {
    mix: (x, y, z) => (x & y) | (~x & z),
    constant: 0,
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    shifts: [3, 7, 11, 19],
  },
  {
    mix: (x, y, z) => (x & y) | (x & z) | (y & z),
    constant: 0x5a827999,
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    shifts: [3, 5, 9, 13],
  },
  {
    mix: (x, y, z) => x ^ y ^ z,
    constant: 0x6ed9eba1,
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    shifts: [3, 9, 11, 15],
  },
]

function block(state: number[], bytes: Buffer): void {
  let [a, b, c, d] = state as [number, number, number, number]
  for (const { mix, constant, order, shifts } of rounds) {
    order.forEach((word, step) => {
      const sum = (a + mix(b, c, d) + bytes.readUInt32LE(word * 4) + constant) | 0
      const shift = shifts[step % 4] as number
      const rotated = (sum << shift) | (sum >>> (32 - shift))
      ;[a, b, c, d] = [d, rotated, b, c]
    })
  }
  ;[a, b, c, d].forEach((word, index) => {
    state[index] = ((state[index] as number) + word) | 0
  })
}
