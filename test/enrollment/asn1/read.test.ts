import t from 'tap'
import { Asn1Error } from '../../../src/enrollment/asn1/asn1.ts'
import {
  childrenOf,
  octetsOf,
  oidOf,
  readAsn1,
  serialText,
  textOf,
  timeOf,
} from '../../../src/enrollment/asn1/read.ts'
import {
  encode,
  integer,
  octetString,
  oid,
  sequence,
  time,
  utf8String,
} from '../../../src/enrollment/asn1/write.ts'

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

t.test('what is written can be read, and is written again as it was', async (t) => {
  const bytes = sequence(
    integer(0),
    integer(300),
    oid('2.16.840.1.101.3.4.2.1'),
    octetString(Buffer.alloc(200)),
    utf8String('ä'),
  )
  const node = readAsn1(bytes)
  t.ok(encode(node).equals(bytes))
  const [, , name, octets, text] = childrenOf(node)
  t.equal(oidOf(name), '2.16.840.1.101.3.4.2.1')
  t.equal(octetsOf(octets).length, 200)
  t.equal(textOf(text), 'ä')
})

t.test('the pieces of BER are joined, also pieces in pieces', async (t) => {
  t.strictSame(octetsOf(readAsn1(hex('2480 040161 2480 040162 0000 24030401 63 0000'))), Buffer.from('abc'))
})

t.test('numbers, texts and times keep their meaning', async (t) => {
  t.equal(serialText(readAsn1(hex('0203 00 ab cd'))), 'ABCD')
  t.equal(textOf(readAsn1(hex('1e04 0041 20ac'))), 'A€')
  for (const at of [Date.UTC(1999, 11, 31, 23, 59, 59), Date.UTC(2049, 5, 1), Date.UTC(2050, 0, 1)])
    t.equal(timeOf(readAsn1(time(at))), at)
})

t.test('what two readers could take in two ways, or what exhausts one, is refused', async (t) => {
  const nested = (depth: number) => hex(`${'3080'.repeat(depth)}${'0000'.repeat(depth)}`)
  const refused: [string, Buffer][] = [
    ['nothing', hex('')],
    ['something behind it', hex('0500 00')],
    ['a length beyond the end', hex('3003 0500')],
    ['a child longer than its parent', hex('3003 040300 0000')],
    ['a length of five bytes', hex('0485 0000000001 00')],
    ['a primitive of indefinite length', hex('0480 0000')],
    ['an end mark outside', hex('3002 0000')],
    ['no end mark', hex('3080 0500')],
    ['a tag above 30', hex('1f81 0100')],
    ['half a character', hex('3005 1e01 61 0500')],
    ['33 levels', nested(33)],
    ['a hundred thousand levels', nested(100_000)],
    ['a hundred thousand values', sequence(...Array.from({ length: 100_000 }, () => hex('0500')))],
    ['more than a mebibyte', octetString(Buffer.alloc(1024 * 1024))],
  ]
  for (const [what, bytes] of refused) t.throws(() => readAsn1(bytes), Asn1Error, what)
  t.ok(readAsn1(nested(30)))
})

t.test('names of what is not there, and wrong types, are refused', async (t) => {
  for (const bad of ['0600', '0602 8881', '0502 0000', '2603 060100'])
    t.throws(() => oidOf(readAsn1(hex(bad))), Asn1Error, bad)
  for (const bad of ['0200', '0401 00']) t.throws(() => serialText(readAsn1(hex(bad))), Asn1Error, bad)
  for (const bad of ['170b 3236303131303132303030', '180f 3230323630313031313230303030 2b'])
    t.throws(() => timeOf(readAsn1(hex(bad))), Asn1Error, bad)
})
