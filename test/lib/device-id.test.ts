import t from 'tap'
import {
  normaliseEasId,
  normaliseGuid,
  normaliseImei,
  normaliseMeid,
  normaliseSerial,
  normaliseUdid,
} from '../../src/lib/device-id.ts'

t.test('one id is equal in whichever form a system writes it', async (t) => {
  t.equal(normaliseUdid('00008110-001a2b3c4d5e6f70'), '00008110001A2B3C4D5E6F70')
  t.equal(
    normaliseUdid(' 2B6F0CC904D137BE2E1730235F5664094B831186 '),
    '2B6F0CC904D137BE2E1730235F5664094B831186',
  )
  t.equal(normaliseSerial('c02-xk0 abcdef'), 'C02XK0ABCDEF')
  for (const form of [
    '35-209900-176148-1',
    '352099001761481',
    '35209900176148',
    '3520990017614823',
    'IMEI: 352099001761481',
  ])
    t.equal(normaliseImei(form), '35209900176148', form)
  t.equal(normaliseMeid('a0000000123456'), 'A0000000123456')
  t.equal(normaliseMeid('268435456001193046'), 'A0000000123456')
  t.equal(normaliseEasId('Appl87837L1XY7H'), 'appl87837l1xy7h')
  t.equal(normaliseEasId('{7F5C3228-EFB7-48DE-B692-DD060FD3C3FA}'), '7f5c3228efb748deb692dd060fd3c3fa')
  t.equal(normaliseGuid('{7F5C3228-EFB7-48DE-B692-DD060FD3C3FA}'), '7f5c3228-efb7-48de-b692-dd060fd3c3fa')
  t.equal(normaliseGuid('7f5c3228efb748deb692dd060fd3c3fa'), '7f5c3228-efb7-48de-b692-dd060fd3c3fa')
})

t.test('what stands in the place of an id is none', async (t) => {
  const nothings = [
    undefined,
    '',
    ' ',
    '0',
    '00000000',
    '000000000000000',
    '00000000-0000-0000-0000-000000000000',
    'ffffffffffffffffffffffffffffffff',
    'Unknown',
    'N/A',
    'none',
    'null',
    'To Be Filled By O.E.M.',
    'Default string',
    'System Serial Number',
    '123456789',
    'x'.repeat(500),
    'AB\u0000CDEFGHIJKLMNOP',
  ]
  const kinds = {
    normaliseUdid,
    normaliseSerial,
    normaliseImei,
    normaliseMeid,
    normaliseEasId,
    normaliseGuid,
  }
  for (const [name, normalise] of Object.entries(kinds))
    for (const text of nothings)
      t.equal(normalise(text), undefined, `${name}(${JSON.stringify(text)?.slice(0, 40)})`)
  t.equal(normaliseImei('12345'), undefined)
  t.equal(normaliseGuid('abc'), undefined)
})
