import t from 'tap'
import { parseContentLength, parseFraming } from '../../src/gateway/wire/framing.ts'

type Case = readonly [string | undefined, string | undefined, '1.0' | '1.1', object]

const cases: readonly Case[] = [
  [undefined, undefined, '1.1', { hasBody: false, length: 0 }],
  ['0', undefined, '1.1', { hasBody: false, length: 0 }],
  ['12', undefined, '1.0', { hasBody: true, length: 12 }],
  ['999999999999999', undefined, '1.1', { hasBody: true, length: 999_999_999_999_999 }],
  [undefined, 'chunked', '1.1', { hasBody: true, length: undefined }],
  [undefined, 'Chunked', '1.1', { hasBody: true, length: undefined }],
  ['1', 'chunked', '1.1', { refused: 'http.framing' }],
  [undefined, 'chunked', '1.0', { refused: 'http.framing' }],
  [undefined, 'gzip', '1.1', { refused: 'http.transfer-coding' }],
  [undefined, 'gzip, chunked', '1.1', { refused: 'http.transfer-coding' }],
  [undefined, 'identity', '1.1', { refused: 'http.transfer-coding' }],
  [undefined, 'chunked;q=1', '1.1', { refused: 'http.framing' }],
  [undefined, '\x0bchunked', '1.1', { refused: 'http.framing' }],
  [undefined, '', '1.1', { refused: 'http.framing' }],
  ['1e3', undefined, '1.1', { refused: 'http.framing' }],
]

for (const [contentLength, transferEncoding, httpVersion, expected] of cases) {
  t.test(
    `Content-Length ${contentLength}, Transfer-Encoding ${transferEncoding}, HTTP/${httpVersion}`,
    async (t) => {
      t.match(parseFraming({ httpVersion, contentLength, transferEncoding }), expected)
    },
  )
}

t.test('a length is digits only', async (t) => {
  for (const text of ['', '+1', '-1', ' 1', '1 ', '1,1', '0x1', '1.0', '1_0', '١', '1000000000000000']) {
    t.equal(parseContentLength(text), -1, JSON.stringify(text))
  }
})
