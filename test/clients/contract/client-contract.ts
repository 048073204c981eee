import type { Test } from 'tap'
import type { ClientProtocol } from '../../../src/clients/protocol.ts'
import { clientProtocols } from '../../../src/clients/table.ts'
import { TokenInvalid } from '../../../src/clients/verify-token.ts'
import { type ReasonCode, reasons } from '../../../src/domain/reason.ts'
import type { ClientKind } from '../../../src/domain/service.ts'
import {
  aCertificate,
  aHead,
  anAnswer,
  aRefusal,
  aRequest,
  aService,
  dependencies,
  type GivenRequest,
  html,
} from '../helpers/given.ts'
import { settingsOf } from '../helpers/settings-of.ts'

/** What holds for every client protocol, whatever it reads. */
export async function clientContract(t: Test, kind: ClientKind): Promise<void> {
  const protocol = clientProtocols[kind](
    aService(settingsOf(kind)),
    dependencies({ verifyToken: () => Promise.reject(new TokenInvalid()) }),
  )
  t.equal(protocol.kind, kind)
  await t.test('a verified certificate is the first key', (t) => certificateFirst(t, protocol))
  await t.test('reading a request never throws, whatever the client sent', (t) => neverThrows(t, protocol))
  await t.test('a refused identification shows no key and accepts nothing', (t) =>
    refusedIsNobody(t, protocol),
  )
  await t.test('every reason has an answer that harms nobody', (t) => refusals(t, protocol))
  await t.test('a program is never redirected to a page', (t) => noPages(t, protocol))
}

async function certificateFirst(t: Test, protocol: ClientProtocol): Promise<void> {
  const given = { connection: { clientCertificate: aCertificate }, headers: html }
  const { keys, refuse } = await protocol.identify(aRequest(given))
  if (refuse === undefined) t.equal(keys[0]?.binding, 'certificate')
  else t.equal(refuse, 'client.token-invalid', 'a bearer service needs its token besides')
}

const targets = [
  '/',
  '/login',
  '/Microsoft-Server-ActiveSync?',
  '/Microsoft-Server-ActiveSync?Cmd=Sync&',
  '/WebTicket/oauthtoken',
  '/ucwa/oauth/v1/applications',
  '/_matrix/client/v3/login?',
  '/_matrix/client/v3/refresh',
  '/_matrix/client/v3/sync?access_token=',
]
const types = [
  'application/json',
  'application/x-www-form-urlencoded',
  'application/xml',
  'multipart/form-data',
  '',
]
const schemes = [
  'Basic ',
  'Bearer ',
  'NTLM ',
  'Negotiate ',
  'NTLM TlRMTVNTUAAD',
  'Negotiate TlRMTVNTUAAB',
  '',
]

async function neverThrows(t: Test, protocol: ClientProtocol): Promise<void> {
  const random = pseudoRandom(1)
  for (let round = 0; round < 3000; round++) {
    const request = aRequest(randomRequest(random))
    const identification = await protocol.identify(request)
    const answer = anAnswer(200, [['set-cookie', randomText(random, 20)]], randomText(random, 60))
    protocol.readsBody(request.head)
    protocol.redirect(request.head, aRedirect)
    protocol.refuse(request.head, aRefusal('device.unregistered'))
    if (identification.refuse !== undefined) continue
    protocol.watches(request, identification)
    protocol.readsAnswer(request, identification, answer)
    protocol.observe(request, identification, answer)
  }
  t.pass('3000 requests')
}

function randomRequest(random: () => number): GivenRequest {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T // the index is within
  const printable = randomText(random, 40).replace(/[^\x21-\x7e]/g, '%')
  return {
    method: pick(['GET', 'POST', 'OPTIONS']),
    target: pick(targets) + printable,
    headers: [
      ['Content-Type', pick(types)],
      [
        'Authorization',
        pick(schemes) +
          pick([randomText(random, 40), printable, Buffer.from(randomText(random, 80)).toString('base64')]),
      ],
      ['Cookie', `__Host-gatehouse-device=${printable}`],
      ['User-Agent', randomText(random, 300)],
      [
        pick(['Content-Encoding', 'X-MS-WebTicket', 'Sec-CH-UA-Platform', 'Accept']),
        pick(['gzip', printable]),
      ],
    ],
    body: pick([
      Buffer.from(randomText(random, 200), 'latin1'),
      '{"user":"a","device_id":"b","endpointId":"c"}',
      '{"',
      '<property name="endpointId">',
    ]),
  }
}

function randomText(random: () => number, length: number): string {
  return Array.from({ length: Math.floor(random() * length) }, () =>
    String.fromCharCode(Math.floor(random() * 256)),
  ).join('')
}

/** Mulberry32: the same requests in every run. */
function pseudoRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

async function refusedIsNobody(t: Test, protocol: ClientProtocol): Promise<void> {
  const random = pseudoRandom(2)
  for (let round = 0; round < 500; round++) {
    const request = aRequest(randomRequest(random))
    const identification = await protocol.identify(request)
    if (identification.refuse === undefined) continue
    if (identification.keys.length > 0) t.fail(`keys beside ${identification.refuse}`)
    const { accepted, grants } = protocol.observe(request, identification, anAnswer(200, [], '{}'))
    if (accepted !== undefined || grants?.length) t.fail(`accepted beside ${identification.refuse}`)
  }
  t.pass()
}

async function refusals(t: Test, protocol: ClientProtocol): Promise<void> {
  for (const reason of Object.keys(reasons) as ReasonCode[]) {
    if (reasons[reason].status < 400) continue
    for (const given of [{}, { headers: html }, { method: 'POST' }]) {
      const { status, headers, body } = protocol.refuse(
        aHead(given),
        aRefusal(reason, { help: 'a <b> & "c"' }),
      )
      const sound = status >= 400 && status < 600 && status !== 407 && String(body).includes('q1w2e3r4')
      if (!sound) t.fail(`${reason}: ${status}, without its reference or of no use`)
      if (!headers.every(([, value]) => /^[\x20-\x7e]*$/.test(value))) t.fail(`${reason}: header values`)
    }
  }
  t.pass()
}

const aRedirect = {
  location: new URL('https://vpn.example.com'),
  navigationUrl: 'https://vpn.example.com/r',
  refusal: aRefusal('device.redirected'),
}

async function noPages(t: Test, protocol: ClientProtocol): Promise<void> {
  for (const headers of [
    [['Accept', '*/*']],
    [['Accept', 'application/json']],
    [['Sec-Fetch-Mode', 'cors']],
  ] as const) {
    for (const target of targets) {
      const head = aHead({ target, headers })
      const answer = protocol.redirect(head, aRedirect)
      t.notOk(answer !== undefined && answer.status >= 300 && answer.status < 400, target)
      const refusal = protocol.refuse(head, aRefusal('device.unregistered'))
      t.notMatch(Object.fromEntries(refusal.headers)['Content-Type'], /html/, target)
    }
  }
}
