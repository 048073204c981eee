/**
 * The attack: a body in chunks of one byte each. Every byte became a buffer of its own, which weighs more than a hundred
 * times as much, so that some hundred unfinished sign-ins of less than 64 KiB filled the memory of the process.
 */
import t from 'tap'
import { ChunkedDecoder } from '../../src/gateway/listener/chunked-decoder.ts'
import { chatBehindGateway, wifi } from '../helpers/chat.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'

const inOneByteChunks = (text: string) =>
  `${[...text].map((letter) => `1\r\n${letter}\r\n`).join('')}0\r\n\r\n`

t.test('the chunks of one packet are one buffer', async (t) => {
  const decoder = new ChunkedDecoder(1000)
  const pieces: Buffer[] = []
  const packet = Buffer.from(inOneByteChunks('x'.repeat(10_000)))
  t.equal(
    decoder.decode(packet, (piece) => pieces.push(piece)),
    packet.length,
  )
  t.equal(decoder.complete, true)
  t.strictSame(pieces.map(String), ['x'.repeat(10_000)])
})

t.test('a sign-in in chunks of one byte is read like any other', async (t) => {
  const { gateway } = await chatBehindGateway(t)
  const head =
    'POST /login HTTP/1.1\r\nHost: chat.localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n'
  const body = inOneByteChunks('username=alice&password=wonderland')
  const type = 'Content-Type: application/x-www-form-urlencoded\r\n\r\n'
  const answer = await rawExchange(gateway.plain, head + type + body, { localAddress: wifi })
  t.match(answer, /^HTTP\/1\.1 302 /)
})
