import { hash } from 'node:crypto'
import t from 'tap'
import { renderPage } from '../../src/clients/answers/page.ts'
import { problemAnswer } from '../../src/clients/answers/problem.ts'
import { refusalPage } from '../../src/clients/answers/refusal-page.ts'
import { wordsFor } from '../../src/clients/answers/words.ts'
import { type ReasonCode, reasons } from '../../src/domain/reason.ts'
import { aRefusal } from './helpers/given.ts'

const markup = '<script>alert("1")</script>&\'quoted\''

t.test('whatever text a page is given, it stays text', async (t) => {
  const body = String(
    renderPage({
      title: markup,
      paragraphs: [markup, `see https://evil.example.com/${markup}`],
      advice: markup,
      actions: [{ label: markup, href: `https://example.com/"onclick="x` }],
      reference: markup,
    }).body,
  )
  t.notMatch(body, '<script')
  t.notMatch(body, /"onclick/)
  t.match(body, '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;quoted&#39;')
})

t.test('a page links to web addresses and paths of its own host only', async (t) => {
  const hrefs = [
    'javascript:alert(1)',
    'data:text/html,x',
    '//evil.example.com',
    '/\\evil.example.com',
    ' https://x',
  ]
  const actions = hrefs.map((href) => ({ label: 'Go', href }))
  t.notMatch(String(renderPage({ title: 'x', paragraphs: [], actions }).body), '<a ')
  const good = ['/', '/.gatehouse/device', 'https://example.com/x'].map((href) => ({ label: 'Go', href }))
  t.equal(String(renderPage({ title: 'x', paragraphs: [], actions: good }).body).split('<a ').length - 1, 3)
})

t.test('nothing on a page runs or is loaded, and nobody may frame or keep it', async (t) => {
  const { headers, body } = renderPage({ title: 'x', paragraphs: ['y'] })
  const fields = Object.fromEntries(headers)
  const style = /<style>([\s\S]*)<\/style>/.exec(String(body))?.[1] ?? ''
  t.match(fields['Content-Security-Policy'], `style-src 'sha256-${hash('sha256', style, 'base64')}'`)
  t.match(fields['Content-Security-Policy'], /^default-src 'none';.*frame-ancestors 'none'$/)
  t.match(fields, {
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
  })
  t.notMatch(String(body), /<script|<img|<link|style="|src=|url\(|@import/)
})

t.test('a refusal says what happened, what to do in the policy’s own words, and its reference', async (t) => {
  const help = 'Start the VPN: https://vpn.example.com/start.'
  const { status, body } = refusalPage(aRefusal('device.unregistered', { help }))
  t.equal(status, 403)
  t.match(body, 'This device is not registered for this service.')
  t.match(body, 'Start the VPN: <a href="https://vpn.example.com/start">vpn.example.com/start</a>.')
  t.match(body, '<code>q1w2e3r4</code>')
  t.notMatch(body, wordsFor('device.unregistered').advice, 'ours gives way')
})

t.test('the page of a device that is still being checked loads itself again', async (t) => {
  t.match(refusalPage(aRefusal('device.posture-unknown')).body, '<meta http-equiv="refresh" content="30">')
  t.notMatch(refusalPage(aRefusal('device.blocked')).body, 'http-equiv')
})

t.test('a program gets a problem document (RFC 9457)', async (t) => {
  const answer = problemAnswer(aRefusal('state.unavailable', { retryAfter: 30, help: 'Wait.' }))
  t.match(Object.fromEntries(answer.headers), {
    'Content-Type': 'application/problem+json',
    'Retry-After': '30',
  })
  t.strictSame(JSON.parse(String(answer.body)), {
    type: 'urn:gatehouse:reason:state.unavailable',
    title: 'Please try again shortly',
    status: 503,
    detail: reasons['state.unavailable'].sentence,
    instance: 'urn:gatehouse:reference:q1w2e3r4',
    reason: 'state.unavailable',
    reference: 'q1w2e3r4',
    help: 'Wait.',
  })
})

t.test('every reason has words for people', async (t) => {
  for (const reason of Object.keys(reasons) as ReasonCode[]) t.ok(wordsFor(reason).title, reason)
})
