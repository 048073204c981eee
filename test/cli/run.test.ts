import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { eventually } from '../helpers/eventually.ts'
import { command, type Files, installation, plainSettings, smallPolicy } from './support.ts'

/** `gatehouse run` as a process of its own, up and listening. */
async function running(t: Test, files: Files = {}) {
  const one = installation(t, files)
  const env = { ...process.env, GATEHOUSE_CONFIG: one.settingsFile }
  const child = spawn(command, ['run'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const log: Record<string, unknown>[] = []
  createInterface(child.stdout).on('line', (line) => log.push(JSON.parse(line)))
  const told: string[] = []
  createInterface(child.stderr).on('line', (line) => told.push(line))
  const url = await eventually(() => told.map((line) => /listening on (.*)$/.exec(line)?.[1]).find(Boolean))
  return { ...one, child, exited, log, told, url }
}

const logging = plainSettings.replace('level: silent', 'level: info')

t.test('it tells where it listens, its log is JSON alone, and SIGTERM ends it with 0', async (t) => {
  const { child, exited, told, log, url } = await running(t, { settings: logging })
  const { statusCode } = await request(url, { headers: { host: 'chat.example.com' } })
  t.equal(statusCode, 403)
  t.ok(told.some((line) => /management on http:\/\/127\.0\.0\.1:\d+/.test(line)))
  child.kill('SIGTERM')
  t.strictSame(await exited, [0, null])
  t.ok(log.length > 0)
})

t.test(
  'SIGHUP takes a new policy; a wrong one is told and the old one stays; settings wait for a restart',
  async (t) => {
    const { child, exited, log, policyFile, settingsFile } = await running(t, { settings: logging })
    const loaded = () => log.filter(({ msg }) => msg === 'policy in force').length
    await eventually(() => loaded() === 1)
    writeFileSync(policyFile, smallPolicy.replace('10.20.0.0/16', '10.21.0.0/16'))
    child.kill('SIGHUP')
    await eventually(() => loaded() === 2)
    writeFileSync(policyFile, 'colour: blue\n')
    child.kill('SIGHUP')
    await eventually(() => log.some(({ msg }) => /policy rejected/.test(String(msg))))
    writeFileSync(settingsFile, plainSettings)
    child.kill('SIGHUP')
    await eventually(() =>
      log.some(({ msg, sections }) => /need a restart/.test(String(msg)) && String(sections) === 'log'),
    )
    child.kill('SIGINT')
    t.strictSame(await exited, [0, null])
  },
)

t.test('commands work on the record of a running gateway', async (t) => {
  const { gatehouse, url } = await running(t)
  const ask = async () => (await request(url, { headers: { host: 'chat.example.com' } })).statusCode
  t.equal(await ask(), 403)
  t.equal((await gatehouse('bypass', 'chat', '--for', '5m', '--why', 'test')).code, 0)
  // Nobody listens on the upstream’s port: let through, and nobody there.
  await eventually(async () => (await ask()) === 502)
  t.match((await gatehouse('audit')).stdout, /opened a bypass of chat/)
})

t.test('a refusal is explained by the reference that the client got', async (t) => {
  const { gatehouse, url } = await running(t)
  const { headers } = await request(`${url}/room`, { headers: { host: 'chat.example.com' } })
  const reference = String(headers['gatehouse-request'])
  const explained = await eventually(async () => {
    const result = await gatehouse('explain', reference)
    return result.stdout === '' ? undefined : result
  })
  t.equal(explained.code, 1)
  t.match(explained.stdout, /Source: 127\.0\.0\.1, the connection’s own address/)
  t.match(explained.stdout, /request +GET \/room/)
  t.match(explained.stdout, /- registration: Wi-Fi: does not match/)
  t.match(explained.stdout, /would be decided the same way/)
})

t.test('a policy with a mistake, and a port that is taken: told, and nothing runs', async (t) => {
  const policy = await installation(t, { policy: `${smallPolicy}colour: blue\n` }).gatehouse('run')
  t.equal(policy.code, 2)
  t.match(policy.stderr, /policy\.yaml:10:1: colour: /)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const settings = plainSettings.replace(
    'listen: ["http://127.0.0.1:0"]',
    `listen: ["http://127.0.0.1:${port}"]`,
  )
  const taken = await installation(t, { settings }).gatehouse('run')
  t.equal(taken.code, 1)
  t.match(taken.stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1 port ${port}: another program`))
})

t.test('a certificate that is not there is told before anything listens', async (t) => {
  const tls = 'listen: ["https://127.0.0.1:0"]\n  tls: { cert: none.crt, key: none.key }'
  const { gatehouse } = installation(t, {
    settings: plainSettings.replace('listen: ["http://127.0.0.1:0"]', tls),
  })
  const result = await gatehouse('run')
  t.equal(result.code, 2)
  t.match(result.stderr, /none\.(crt|key)/)
  const checked = await gatehouse('check')
  t.equal(checked.code, 1)
  t.match(checked.stdout, /gateway\.tls: .*none\.(crt|key)/)
})
