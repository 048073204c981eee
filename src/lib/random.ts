import { randomBytes, randomFillSync } from 'node:crypto'

/** The one source of randomness; handed to whoever needs it. */
export interface Random {
  /** 256 bits, base64url: for secrets that clients hold. */
  secret(): string
  /** 50 bits in lower-case base32 without look-alikes, for ids that people read and type. */
  id(): string
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const idLength = 10

export function systemRandom(): Random {
  // One system call for many ids: an id is made for each request.
  const pool = new Uint8Array(idLength * 512)
  let used = pool.length
  return {
    secret: () => randomBytes(32).toString('base64url'),
    id() {
      if (used === pool.length) {
        randomFillSync(pool)
        used = 0
      }
      let id = ''
      for (const end = used + idLength; used < end; used++) id += alphabet[(pool[used] ?? 0) & 31]
      return id
    },
  }
}
