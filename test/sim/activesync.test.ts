import t from 'tap'
import { startActiveSync } from '../../sim/activesync.ts'
import { md4 } from '../../sim/md4.ts'
import { pingRequest } from '../../sim/wbxml.ts'
import { eventually } from '../helpers/eventually.ts'
import { run } from '../helpers/run.ts'
import { simulated } from '../helpers/simulation.ts'

const path = '/Microsoft-Server-ActiveSync'
const alice = { authorization: `Basic ${Buffer.from('EXAMPLE\\alice:wonderland').toString('base64')}` }

t.test('MD4 is that of RFC 1320', async (t) => {
  t.equal(md4(Buffer.from('')).toString('hex'), '31d6cfe0d16ae931b73c59d7e0c089c0')
  t.equal(md4(Buffer.from('abc')).toString('hex'), 'a448017aaf21d8525fc10ae87aa6729d')
  const long = '1234567890'.repeat(8)
  t.equal(md4(Buffer.from(long)).toString('hex'), 'e33b4ddc9c38f2199c3e7b164fcc0536')
})

t.test('a phone is told the versions, provisions twice, and gets its folders', async (t) => {
  const { url } = await simulated(t, startActiveSync, {})
  t.equal((await fetch(url + path, { method: 'OPTIONS' })).status, 401)
  const options = await fetch(url + path, { method: 'OPTIONS', headers: alice })
  t.match(options.headers.get('ms-asprotocolversions'), '14.1')
  const command = async (name: string, body?: Uint8Array) => {
    const query = `?Cmd=${name}&User=alice&DeviceId=abc123&DeviceType=iPhone`
    const init = { method: 'POST', headers: alice, ...(body && { body: Buffer.from(body) }) }
    return Buffer.from(await (await fetch(url + path + query, init)).arrayBuffer())
  }
  const first = await command('Provision')
  t.match(first.toString('latin1'), '1001')
  t.match((await command('Provision', first)).toString('latin1'), '2002')
  t.match((await command('FolderSync')).toString('latin1'), 'Inbox')
})

t.test('the base64 query is understood', async (t) => {
  const { url } = await simulated(t, startActiveSync, {})
  const ask = `${url + path}?jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l`
  t.equal((await fetch(ask, { method: 'POST', headers: alice })).status, 200)
})

t.test('Ping waits until there is mail', async (t) => {
  const mail = await simulated(t, startActiveSync, {})
  const body = Buffer.from(pingRequest(900))
  const ping = fetch(`${mail.url + path}?Cmd=Ping`, { method: 'POST', headers: alice, body })
  await eventually(() => mail.waiting === 1)
  mail.deliver('alice')
  t.match(Buffer.from(await (await ping).arrayBuffer()).toString('latin1'), '2')
  t.equal(mail.waiting, 0)
})

t.test('a Ping whose phone is gone waits no more', async (t) => {
  const mail = await simulated(t, startActiveSync, {})
  const abort = new AbortController()
  const ping = fetch(`${mail.url + path}?Cmd=Ping`, { method: 'POST', headers: alice, signal: abort.signal })
  await eventually(() => mail.waiting === 1)
  abort.abort()
  await t.rejects(ping)
  await eventually(() => mail.waiting === 0)
})

t.test('NTLM signs in with the right password only', async (t) => {
  const { url } = await simulated(t, startActiveSync, { authentication: 'ntlm' as const })
  const ask = (user: string) => run(t, ['curl', '-si', '--ntlm', '-u', user, '-X', 'OPTIONS', url + path])
  t.match((await ask('alice:wonderland')).stdout, /200 OK\r\nx-signed-in-as: alice/)
  t.match((await ask('EXAMPLE\\bob:builder')).stdout, /200 OK\r\nx-signed-in-as: bob/)
  t.notMatch((await ask('alice:nope')).stdout, /200 OK/)
})

t.test(
  'NTLM signs in the connection: a later request on it needs no credentials, one on another does',
  async (t) => {
    const mail = await simulated(t, startActiveSync, { authentication: 'ntlm' as const })
    const ask = ['-X', 'OPTIONS', mail.url + path, mail.url + path]
    const { stdout } = await run(t, ['curl', '-si', '--ntlm', '-u', 'alice:wonderland', ...ask])
    t.equal(stdout.match(/x-signed-in-as: alice/g)?.length, 2)
    t.strictSame(new Set(mail.requests.map((request) => request.connection)), new Set([1]))
    t.equal(mail.requests.at(-1)?.headers.authorization, undefined)
    const another = await fetch(mail.url + path, { method: 'OPTIONS' })
    t.equal(another.status, 401)
  },
)
