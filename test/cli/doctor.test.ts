import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { certificates } from '../helpers/certificates.ts'
import { installation, json, plainSettings } from './support.ts'

async function secured(t: Test, { host = 'chat.localhost', upstream = 'http://127.0.0.1:9' } = {}) {
  const { folder } = await certificates(t)
  const tls = `tls: { cert: ${folder}/gateway.crt, key: ${folder}/gateway.key, clientCa: [${folder}/device-ca.crt] }`
  const settings = plainSettings
    .replace('listen: ["http://127.0.0.1:0"]', `listen: ["https://127.0.0.1:0"]\n  ${tls}`)
    .replace('chat.example.com', host)
    .replace('http://127.0.0.1:9', upstream)
  const one = installation(t, { settings })
  await one.openStore()
  const findings = async (level: Finding['level'], ...args: string[]) => {
    const result = await one.gatehouse('doctor', '--json', ...args)
    const found: Finding[] = json(result).findings
    return { code: result.code, found: found.filter((finding) => finding.level === level) }
  }
  return { ...one, certs: folder, findings }
}

t.test('an installation in order: exit 0 and nothing failed', async (t) => {
  const { findings, gatehouse } = await secured(t)
  t.strictSame(await findings('fail'), { code: 0, found: [] })
  t.match((await gatehouse('doctor')).stdout, /ok +hosts: 1 of 1 are named by a certificate/)
})

t.test('a private key that others can read fails, and what to do is said', async (t) => {
  const { findings, certs } = await secured(t)
  const key = join(certs, 'gateway.key')
  chmodSync(key, 0o644)
  t.match(await findings('fail'), {
    code: 1,
    found: [{ about: key, message: /0644/, advice: `chmod 600 ${key}` }],
  })
})

t.test('a policy that everybody may change fails', async (t) => {
  const { findings, policyFile } = await secured(t)
  chmodSync(policyFile, 0o666)
  t.match(await findings('fail'), { code: 1, found: [{ about: policyFile }] })
})

t.test('a host that no certificate names fails', async (t) => {
  const { findings } = await secured(t, { host: 'chat.example.com' })
  t.match(await findings('fail'), {
    code: 1,
    found: [{ about: 'chat.example.com', message: /no certificate names/ }],
  })
})

t.test('a key of another certificate fails', async (t) => {
  const { findings, certs } = await secured(t)
  const other = await certificates(t)
  writeFileSync(join(certs, 'gateway.key'), other.device.key)
  t.match(await findings('fail'), { code: 1, found: [{ message: /belongs to another certificate/ }] })
})

t.test('a record that is newer than the clock fails', async (t) => {
  const { findings, openStore } = await secured(t)
  const store = await openStore()
  await store.audit.append({
    at: Date.now() + 3_600_000,
    action: 'gateway.started',
    actor: 'gateway',
    subject: 'gateway',
    details: {},
  })
  t.match(await findings('fail'), { code: 1, found: [{ about: 'clock', message: /newest entry/ }] })
})

t.test('upstreams are asked only with --network, and one that does not answer fails', async (t) => {
  // An address of its own: another test may be given the port once it is closed.
  const address = '127.254.1.1'
  const server = createServer((socket) => socket.destroy()).listen(0, address)
  await once(server, 'listening')
  const upstream = `http://${address}:${(server.address() as AddressInfo).port}`
  const { findings } = await secured(t, { upstream })
  const { code, found } = await findings('ok', '--network')
  t.equal(code, 0)
  t.match(
    found.find(({ about }) => about === `chat ${upstream}`),
    { message: /^reachable$/ },
  )
  server.close()
  await once(server, 'close')
  t.equal((await findings('fail')).code, 0)
  t.match(await findings('fail', '--network'), { code: 1, found: [{ message: /ECONNREFUSED/ }] })
})

t.test('an upstream’s certificate is held against the CA and the name of the settings', async (t) => {
  const { folder, gateway } = await certificates(t)
  const server = createTlsServer({ cert: gateway.certificate, key: gateway.key }, (socket) =>
    socket.destroy(),
  )
  server.on('tlsClientError', () => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const upstream = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const told = async (upstreamTls: string) => {
    const settings = plainSettings.replace(
      '["http://127.0.0.1:9"]',
      `["${upstream}"]\n    upstreamTls: ${upstreamTls}`,
    )
    return installation(t, { settings }).gatehouse('doctor', '--network')
  }
  const known = await told(`{ ca: [${folder}/ca.crt], serverName: chat.localhost }`)
  t.equal(known.code, 0)
  t.match(known.stdout, /reachable over TLS\nok +chat https.*: valid until/)
  const unknown = await told('{ serverName: chat.localhost }')
  t.equal(unknown.code, 1)
  t.match(unknown.stdout, /fail +chat https.*not reachable: .*\n.*upstreamTls\.ca/)
  const otherName = await told(`{ ca: [${folder}/ca.crt], serverName: other.example.com }`)
  t.match(otherName.stdout, /ERR_TLS_CERT_ALTNAME_INVALID/)
})
