import t from 'tap'
import { Asn1Error } from '../../../src/enrollment/asn1/asn1.ts'
import { bitsOf, integerBytes, oidOf, readAsn1, smallInteger } from '../../../src/enrollment/asn1/read.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

t.test('what two readers could read in two ways is not read', async (t) => {
  const bytes = {
    'something behind the value': '0500 0500',
    'half a head': '30',
    'a value that ends within a head': '3001 04',
    'a primitive value without a length': '0480 0000',
    'half a character': '1e01 41',
    nothing: '',
  }
  for (const [what, text] of Object.entries(bytes)) t.throws(() => readAsn1(hex(text)), Asn1Error, what)
})

t.test('a value is of the kind that is expected, or it is none', async (t) => {
  t.equal(smallInteger(readAsn1(hex('0201 7f'))), 127)
  t.throws(() => smallInteger(readAsn1(hex('0201 ff'))), Asn1Error, 'a negative version')
  t.throws(() => smallInteger(readAsn1(hex('0205 0100000000'))), Asn1Error, 'a long one')
  t.throws(() => integerBytes(readAsn1(hex('2203 020101'))), Asn1Error, 'an integer in pieces')
  t.throws(() => oidOf(readAsn1(hex('2603 06012a'))), Asn1Error, 'a name in pieces')
  t.strictSame(bitsOf(readAsn1(hex('0302 0080'))), hex('80'))
  t.throws(() => bitsOf(readAsn1(hex('0302 0780'))), Asn1Error, 'bits that are no whole bytes')
})
