import { spawnSync } from 'node:child_process'
import t from 'tap'
import { MalformedInput } from '../../src/lib/malformed-input.ts'
import {
  arrayField,
  booleanField,
  dataField,
  dictField,
  field,
  integerField,
  stringField,
  textField,
} from '../../src/lib/plist/fields.ts'
import { readPlist, readPlistDict } from '../../src/lib/plist/read.ts'
import { PlistReal, type PlistValue, real } from '../../src/lib/plist/values.ts'
import { plistHead, writePlist } from '../../src/lib/plist/write.ts'

function plist(body: string): Buffer {
  return Buffer.from(`${plistHead.join('\n')}\n${body}\n</plist>\n`)
}

const read = (body: string) => readPlist(plist(body))

t.test('every type keeps what it is', async (t) => {
  const value = read(`<dict>
    <key>string</key><string>a &amp; b &lt;c&gt; &#x1F600;&#233;</string>
    <key>empty</key><string/><key>none</key><string></string>
    <key>integer</key><integer> -12 </integer>
    <key>large</key><integer>18446744073709551615</integer>
    <key>two</key><real>2.0</real>
    <key>yes</key><true/><key>no</key><false></false>
    <key>date</key><date>2026-01-31T12:00:00Z</date>
    <key>data</key><data>
      AAEC
      Aw==
    </data>
    <key>list</key><array><integer>1</integer><array/><dict/></array>
    <key>cdata</key><string>x<![CDATA[<&]]>y<!-- no --></string>
  </dict>`)
  t.strictSame(value, {
    string: 'a & b <c> 😀é',
    empty: '',
    none: '',
    integer: -12,
    large: 18446744073709551615n,
    two: new PlistReal(2),
    yes: true,
    no: false,
    date: new Date('2026-01-31T12:00:00Z'),
    data: Buffer.from([0, 1, 2, 3]),
    list: [1, [], {}],
    cdata: 'x<&y',
  })
})

t.test('what is written reads the same again, and by another reader', async (t) => {
  const value: PlistValue = {
    text: 'a & b <c>\r\n\té😀 ]]>',
    zero: 0,
    large: 2n ** 63n,
    small: -(2n ** 63n),
    two: real(2),
    half: real(-0.5),
    tiny: real(1e-9),
    yes: true,
    no: false,
    at: new Date('2026-01-31T12:00:00Z'),
    bytes: Buffer.from([0, 255]),
    nothing: Buffer.alloc(0),
    list: [1, ['x'], {}],
    'a & key': { deep: 'er' },
  }
  const written = writePlist(value)
  t.strictSame(readPlist(written), value)
  t.match(written.toString(), '<real>2.0</real>')
  t.ok(written.toString().startsWith(`${plistHead.join('\n')}\n<dict>\n`))
  const python = spawnSync('python3', ['-c', readWithPython], { input: written, encoding: 'utf8' })
  t.equal(python.status, 0, python.stderr)
  t.strictSame(JSON.parse(python.stdout), {
    ...{ text: 'a & b <c>\r\n\té😀 ]]>', zero: 0, large: '9223372036854775808', two: 'float 2.0' },
    ...{ at: '2026-01-31T12:00:00', bytes: '00ff', deep: 'er' },
  })
})

const readWithPython = `
import json, plistlib, sys
p = plistlib.loads(sys.stdin.buffer.read())
print(json.dumps(dict(text=p['text'], zero=p['zero'], large=str(p['large']), two='float ' + repr(p['two']),
  at=p['at'].isoformat(), bytes=p['bytes'].hex(), deep=p['a & key']['deep'])))
`

t.test('what a property list cannot hold is not written', async (t) => {
  for (const value of ['\u0000', '\ud800', 1.5, 2 ** 60, Number.NaN])
    t.throws(() => writePlist({ key: value }), TypeError, JSON.stringify(value))
})

t.test('what two readers could read in two ways is refused', async (t) => {
  const wrong: Readonly<Record<string, string>> = {
    'a key twice': '<dict><key>a</key><true/><key>a</key><false/></dict>',
    'the key __proto__': '<dict><key>__proto__</key><dict/></dict>',
    'a key without a value': '<dict><key>a</key></dict>',
    'a value without a key': '<dict><true/></dict>',
    'two keys': '<dict><key>a</key><key>b</key><true/></dict>',
    'an integer with letters': '<integer>12abc</integer>',
    'a hexadecimal integer': '<integer>0x10</integer>',
    'an empty integer': '<integer/>',
    'an integer beyond 64 bits': '<integer>18446744073709551616</integer>',
    'a real with letters': '<real>1.0f</real>',
    'a date without a zone': '<date>2026-01-31T12:00:00</date>',
    'a date with a fraction': '<date>2026-01-31T12:00:00.5Z</date>',
    'a day that is none': '<date>2026-02-30T12:00:00Z</date>',
    'data that is not base64': '<data>A*==</data>',
    'data with stray bits': '<data>AB==</data>',
    'an unknown element': '<uid>1</uid>',
    'an attribute': '<string xml:space="preserve">a</string>',
    'stray text': '<dict>x</dict>',
    'text in true': '<true>no</true>',
    'an entity of its own': '<string>&xxe;</string>',
    'an entity from the prototype': '<string>&constructor;</string>',
    'a bare ampersand': '<string>a & b</string>',
    'a zero': '<string>&#0;</string>',
    'half a character': '<string>&#xD800;</string>',
    ']]> in text': '<string>a]]>b</string>',
    'elements that cross': '<array><dict></array></dict>',
    'a longer closing tag': '<array></arrays>',
    'a comment with dashes': '<!-- a -- b --><true/>',
    'two values': '<true/><true/>',
    'no value': '',
    'a processing instruction': '<?php x ?><true/>',
    'upper case': '<TRUE/>',
  }
  for (const [name, body] of Object.entries(wrong)) t.throws(() => read(body), MalformedInput, name)
})

t.test('the document around it is held to the same', async (t) => {
  const bare = '<plist version="1.0"><true/></plist>'
  for (const document of [
    bare,
    `<?xml version='1.0' encoding='utf-8'?>\r\n${bare}\r\n`,
    `\ufeff${bare}`,
    `<!-- a --><!DOCTYPE plist SYSTEM "file://localhost/System/Library/DTDs/PropertyList.dtd">${bare}`,
    '<plist><true/></plist >',
  ])
    t.equal(readPlist(Buffer.from(document)), true, document)
  for (const document of [
    '',
    '<true/>',
    'bplist00',
    `<!DOCTYPE plist [<!ENTITY a "b">]>${bare}`,
    `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "x" [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>${bare}`,
    `<?xml version="1.0" encoding="UTF-16"?>${bare}`,
    `<!DOCTYPE html>${bare}`,
    `${bare}<!ENTITY a "b">`,
    `${bare}x`,
    '<plist version="2.0"><true/></plist>',
    '<plist version="1.0"><true/>',
    '<plist version="1.0"><string>a',
    '<plist version="1.0"><string>a</string',
    '<!--',
    '<?xml',
    `<${'a'.repeat(100_000)}>`,
  ])
    t.throws(() => readPlist(Buffer.from(document)), MalformedInput, document.slice(0, 60))
  t.throws(() => readPlist(Buffer.from([0xff, 0xfe, 0x3c, 0])), /UTF-8/)
  t.throws(() => readPlist(Buffer.concat([plist('<true/>'), Buffer.from([0])])), MalformedInput)
  t.throws(() => readPlist(Buffer.from('bplist00…')), /binary/)
  t.throws(() => readPlistDict(plist('<array/>')), /not a dictionary/)
})

t.test('size, nesting and number are bounded', async (t) => {
  const deep = (levels: number) => plist(`${'<array>'.repeat(levels)}${'</array>'.repeat(levels)}`)
  t.ok(readPlist(deep(32)))
  t.throws(() => readPlist(deep(33)), /nested too deeply/)
  t.throws(() => readPlist(deep(100_000), { maxBytes: 1e8 }), /nested too deeply/)
  t.throws(() => readPlist(plist('<array><true/><true/></array>'), { maxNodes: 2 }), /too many/)
  t.throws(() => readPlist(plist(`<string>${'a'.repeat(1024 * 1024)}</string>`)), /too large/)
})

t.test('what stands side by side is not nested', (t) => {
  t.strictSame(
    readPlist(plist('<array><array/><array><true/></array><dict><key>a</key><true/></dict></array>'), {
      maxDepth: 2,
    }),
    [[], [true], { a: true }],
  )
  t.end()
})

t.test('a value is no key, and characters that XML does not have stand nowhere', (t) => {
  t.throws(() => read('<dict><string/><true/></dict>'), /value without a key/)
  t.throws(() => read('<dict><string>a</string><true/></dict>'), /value without a key/)
  for (const character of ['\u0000', '\u0008', '\u000b', '\u001f', '\ufffe', '\uffff'])
    for (const body of [`<string>${character}</string>`, `<!--${character}--><true/>`])
      t.throws(() => read(body), /characters that XML does not have/)
  t.equal(read('<string>\t\n\ufffd</string>'), '\t\n\ufffd')
  t.end()
})

t.test('a field of another type is as one that is not there', async (t) => {
  const dict = readPlistDict(
    plist(`<dict><key>s</key><string>x</string><key>e</key><string/><key>i</key><integer>2</integer>
    <key>r</key><real>0.5</real><key>b</key><true/><key>d</key><data>AA==</data>
    <key>t</key><date>2026-01-31T12:00:00Z</date><key>a</key><array/><key>o</key><dict/></dict>`),
  )
  t.strictSame(
    [stringField(dict, 's'), stringField(dict, 'e'), textField(dict, 'e'), stringField(dict, 'i')],
    ['x', '', undefined, undefined],
  )
  t.strictSame([integerField(dict, 'i'), integerField(dict, 'r')], [2, undefined])
  t.strictSame([booleanField(dict, 'b'), booleanField(dict, 'i')], [true, undefined])
  t.strictSame([dataField(dict, 'd'), dataField(dict, 's')], [Buffer.from([0]), undefined])
  t.strictSame([arrayField(dict, 'a'), arrayField(dict, 'o')], [[], undefined])
  for (const name of ['a', 'd', 't', 'r', 's']) t.equal(dictField(dict, name), undefined, name)
  t.strictSame([dictField(dict, 'o'), field(dict, 'constructor')], [{}, undefined])
})
