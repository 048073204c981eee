import t from 'tap'
import { crc32c, parseProxyHeader } from '../../src/gateway/listener/proxy-protocol.ts'

const signature = '0d0a0d0a000d0a515549540a'
const ipv4 = 'cb007107c00002011267 01bb'.replaceAll(' ', '')
const ipv6 = '20010db80000000000000000000000070000000000000000000000000000000112 6701bb'.replaceAll(' ', '')

function v2(rest: string): Buffer {
  return Buffer.from(signature + rest.replaceAll(' ', ''), 'hex')
}

function withChecksum(good: boolean): Buffer {
  const header = v2(`2111 0013 ${ipv4} 030004 00000000`)
  header.writeUInt32BE(good ? crc32c(header) : 1, header.length - 4)
  return header
}

const accepted: readonly (readonly [string, Buffer, string | undefined])[] = [
  ['v1 over IPv4', Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n'), '203.0.113.7'],
  ['v1 over IPv6', Buffer.from('PROXY TCP6 2001:DB8::7 ::1 4711 443\r\n'), '2001:db8::7'],
  ['v1 UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  ['v1 UNKNOWN with anything behind it', Buffer.from('PROXY UNKNOWN ff:: x 1\r\n'), undefined],
  ['v2 over IPv4', v2(`2111 000c ${ipv4}`), '203.0.113.7'],
  ['v2 over IPv6', v2(`2121 0024 ${ipv6}`), '2001:db8::7'],
  ['v2 LOCAL', v2('2000 0000'), undefined],
  ['v2 with TLVs', v2(`2111 0013 ${ipv4} 040004 00000000`), '203.0.113.7'],
  ['v2 with a right checksum', withChecksum(true), '203.0.113.7'],
]

for (const [title, bytes, address] of accepted) {
  t.test(`${title} is read, byte by byte as well`, async (t) => {
    const followed = Buffer.concat([bytes, Buffer.from('GET / ')])
    t.strictSame(parseProxyHeader(followed), { kind: 'header', length: bytes.length, address })
    for (let end = 0; end < bytes.length; end++) {
      if (parseProxyHeader(bytes.subarray(0, end)).kind !== 'incomplete') t.fail(`at ${end}`)
    }
  })
}

const refused: readonly (readonly [string, Buffer])[] = [
  ['another protocol', Buffer.from('GET / HTTP/1.1\r\n')],
  ['lower case', Buffer.from('proxy TCP4 203.0.113.7 192.0.2.1 4711 443\r\n')],
  ['an address of the other family', Buffer.from('PROXY TCP4 2001:db8::7 ::1 4711 443\r\n')],
  ['an address with leading zeros', Buffer.from('PROXY TCP4 203.0.113.007 192.0.2.1 4711 443\r\n')],
  ['a port with leading zeros', Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 04711 443\r\n')],
  ['a port out of range', Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n')],
  ['a missing port', Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 4711\r\n')],
  ['two spaces', Buffer.from('PROXY TCP4  203.0.113.7 192.0.2.1 4711 443\r\n')],
  ['a line over 107 bytes', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(100)}\r\n`)],
  ['version 1 in the binary form', v2(`1111 000c ${ipv4}`)],
  ['an unknown command', v2(`2211 000c ${ipv4}`)],
  ['a datagram', v2(`2112 000c ${ipv4}`)],
  ['a Unix socket', v2(`2131 00d8 ${'00'.repeat(216)}`)],
  ['addresses that are cut short', v2(`2111 0008 ${ipv4.slice(0, 16)}`)],
  ['a TLV that does not fit', v2(`2111 0013 ${ipv4} 040005 00000000`)],
  ['a wrong checksum', withChecksum(false)],
  ['a length over 536 bytes', v2(`2111 0300 ${ipv4}`)],
  ['a broken signature', Buffer.from('0d0a0d0a010d', 'hex')],
]

for (const [title, bytes] of refused) {
  t.test(`${title} is refused`, async (t) => {
    t.equal(parseProxyHeader(bytes).kind, 'invalid')
  })
}
