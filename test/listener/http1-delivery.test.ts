import { connect } from 'node:net'
import t from 'tap'
import { ChunkedDecoder } from '../../src/gateway/listener/chunked-decoder.ts'
import { HeadReader } from '../../src/gateway/listener/http1-head.ts'
import { accepted, brokenBodies, host, refused } from './bad-bytes.ts'
import { collect, listenerUnderTest, rawExchange } from './support.ts'

const bounds = { headSize: 81_920, headerFields: 200 }
const all = [...refused, ...brokenBodies, ...accepted].map(([title, bytes]) => ({ title, bytes }))
const close = `GET /last HTTP/1.1\r\n${host}Connection: close\r\n\r\n`

/** Seeded, so that a failure can be repeated (mulberry32). */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

function pieces(bytes: Buffer, size: () => number): Buffer[] {
  const list: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + size())
    list.push(bytes.subarray(at, end))
    at = end
  }
  return list
}

/** What becomes of the bytes: the head with where it ended, or the refusal, or nothing yet. */
function headOf(packets: readonly Buffer[]): unknown {
  const reader = new HeadReader(bounds)
  let before = 0
  for (const packet of packets) {
    const end = reader.read(packet)
    if (end === -2) return reader.refused
    if (end >= 0) return { head: reader.head, end: before + end }
    before += packet.length
  }
  return 'incomplete'
}

function bodyOf(packets: readonly Buffer[]): unknown {
  const decoder = new ChunkedDecoder(65_536)
  let body = ''
  let before = 0
  for (const packet of packets) {
    const used = decoder.decode(packet, (chunk) => {
      body += chunk.toString('latin1')
    })
    if (used < 0) return 'broken'
    if (decoder.complete) return { body, end: before + used }
    before += packet.length
  }
  return { body, end: -1 }
}

t.test('a head is the same however its bytes are cut', async (t) => {
  const random = seeded(1)
  for (const { title, bytes } of all) {
    const whole = Buffer.from(bytes, 'latin1')
    const expected = headOf([whole])
    t.strictSame(headOf(pieces(whole, () => 1)), expected, `${title}, byte by byte`)
    for (let round = 0; round < 5; round++) {
      t.strictSame(headOf(pieces(whole, () => 1 + random(40))), expected, `${title}, at random`)
    }
  }
})

t.test('a chunked body is the same however its bytes are cut', async (t) => {
  const random = seeded(2)
  for (const { title, bytes } of all.filter((one) => one.bytes.includes('chunked\r\n\r\n'))) {
    const whole = Buffer.from(bytes.slice(bytes.indexOf('\r\n\r\n') + 4), 'latin1')
    const expected = bodyOf([whole])
    t.strictSame(bodyOf(pieces(whole, () => 1)), expected, `${title}, byte by byte`)
    for (let round = 0; round < 5; round++) {
      t.strictSame(bodyOf(pieces(whole, () => 1 + random(9))), expected, `${title}, at random`)
    }
  }
})

t.test('each byte in a packet of its own is answered like the whole', async (t) => {
  const { port, heads, refusals } = await listenerUnderTest(t)
  const random = seeded(3)
  const seen = () => [
    heads.splice(0).map(({ method, target }) => `${method} ${target}`),
    refusals.splice(0).map(({ reason }) => reason),
  ]
  for (const { title, bytes } of all.filter((one) => one.bytes.length < 500)) {
    const whole = Buffer.from(bytes + close, 'latin1')
    const expected = [undated((await rawExchange(port, whole)).received), ...seen()]
    for (const size of [() => 1, () => 1 + random(30)]) {
      const received = await trickle(port, pieces(whole, size))
      t.strictSame([undated(received), ...seen()], expected, title)
    }
  }
})

t.test('random bytes lead to one exchange at most, and the listener serves on', async (t) => {
  const { port, heads } = await listenerUnderTest(t)
  const random = seeded(4)
  const spice = Buffer.from('\r\n\r\n\0\t :;,0a/HTTP.1\x7f\xff', 'latin1')
  for (let round = 0; round < 300; round++) {
    heads.length = 0
    const bytes = Buffer.from((all[random(all.length)]?.bytes ?? '').slice(0, 2000), 'latin1')
    const changes = random(8)
    for (let i = 0; i < changes && bytes.length > 0; i++) {
      bytes[random(bytes.length)] = random(2) === 0 ? random(256) : (spice[random(spice.length)] ?? 0)
    }
    const { received } = await ended(port, bytes)
    t.ok(heads.length <= 1, `${JSON.stringify(bytes.toString('latin1'))} is one exchange at most`)
    t.match(received, /^(?:HTTP\/1\.1 [2-5]\d\d [^\r\n]+\r\n(?:[!-~]+: [^\r\n]*\r\n)+\r\n[^\0]*)?$/)
    t.notMatch(received.slice(1), /HTTP\/1\.1 [^45]/, 'what may follow is a refusal')
  }
  for (let round = 0; round < 100; round++) {
    const noise = Buffer.from(Array.from({ length: 1 + random(300) }, () => random(256)))
    heads.length = 0
    await ended(port, noise)
    t.equal(heads.length, 0)
  }
  t.match((await rawExchange(port, close)).received, /^HTTP\/1\.1 200 /)
})

function undated(received: string): string {
  return received.replace(/Date: [^\r]+\r\n/g, '')
}

/** Sends everything and ends: what is not complete then never will be. */
function ended(port: number, bytes: Buffer): Promise<{ readonly received: string }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const collected = collect(socket, bytes, () => false)
  socket.end()
  return collected
}

async function trickle(port: number, packets: readonly Buffer[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const collected = collect(socket, '', () => false)
  for (const packet of packets) {
    if (socket.destroyed || socket.readableEnded) break
    await new Promise((resolve) => socket.write(packet, resolve))
  }
  return (await collected).received
}
