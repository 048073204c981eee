import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { internet } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { evaluationLikePolicy } from '../helpers/gateway-under-test.ts'
import { type Installation, installation } from '../operations/support.ts'
import { cookieOf, isRunning, park, pids, several } from './support.ts'

t.test('SIGHUP reaches every process, and one of them writes it into the audit log', async (t) => {
  const { gateway, one } = await several(t)
  const inForce = () => gateway.log.filter(({ msg }) => msg === 'policy in force')
  await eventually(() => inForce().length === 2)
  // What waits for a restart is told once.
  const settings = readFileSync(one.settingsFile, 'utf8')
  writeFileSync(one.settingsFile, settings.replace('drainFor: 1s', 'drainFor: 2s'))
  writeFileSync(one.policyFile, `${evaluationLikePolicy}\n# changed`)
  gateway.child.kill('SIGHUP')
  const restarts = () => gateway.log.filter(({ msg }) => msg === 'settings changed that need a restart')
  await eventually(() => restarts().length > 0)
  await eventually(() => inForce().length === 4)
  t.strictSame([...new Set(inForce().map(({ process }) => process))].sort(), [1, 2])
  t.match(restarts(), [{ process: 'supervisor', sections: ['limits'] }])
  const audit = await eventually(async () => {
    const records = await (await one.openStore()).audit.list({ limit: 100 })
    return records.filter(({ action }) => action === 'policy.loaded').length === 2 && records
  })
  t.equal(audit.filter(({ action }) => action === 'gateway.started').length, 1)
})

t.test('SIGTERM drains every process: what is open may end, and nothing stays behind', async (t) => {
  const { gateway, one, held } = await several(t, { settings: 'limits: { drainFor: 30s }' })
  const cookie = await cookieOf(gateway)
  const parked = await Promise.all([1, 2, 3, 4].map(() => park(t, gateway, cookie)))
  await eventually(() => pids(gateway).size === 3)
  gateway.child.kill('SIGTERM')
  await eventually(async () => (await gateway.ready()).draining)
  t.ok(parked.every(({ ended }) => !ended()))
  for (const response of held) response.end(' to the end')
  await eventually(() => parked.every(({ text, ended }) => ended() && text() === 'parked to the end'))
  t.strictSame(await gateway.exited, [0, null])
  t.notOk([...pids(gateway).values()].some(isRunning))
  t.notMatch(gateway.told.join('\n'), /Error/, 'no process fails on its way out')
  const lines = gateway.log.filter(({ msg, path }) => msg === 'exchange' && path === '/poll')
  t.equal(lines.length, 4, 'the last lines of all processes are in the log')
  const audit = await (await one.openStore()).audit.list({ limit: 100 })
  t.equal(audit.filter(({ action }) => action === 'gateway.stopped').length, 1)
})

t.test('what is open longer than drainFor is closed in every process', async (t) => {
  const { gateway } = await several(t, { settings: 'limits: { drainFor: 100ms }' })
  const cookie = await cookieOf(gateway)
  const parked = await Promise.all([1, 2].map(() => park(t, gateway, cookie)))
  gateway.child.kill('SIGTERM')
  t.strictSame(await gateway.exited, [0, null])
  await eventually(() => parked.every(({ ended }) => ended()))
})

t.test('one process that is told to end drains, and is replaced', async (t) => {
  const { gateway } = await several(t)
  const pid = pids(gateway).get(1) ?? 0
  process.kill(pid, 'SIGTERM')
  await eventually(() => pids(gateway).get(1) !== pid)
  t.equal((await gateway.ask({ from: internet, path: '/healthcheck.htm' })).status, 200)
})

const mistakes: Readonly<Record<string, (one: Installation) => Promise<readonly [number, RegExp]>>> = {
  'a policy with mistakes': async ({ policyFile }) => {
    writeFileSync(policyFile, 'registration: 7')
    return [2, /policy\.yaml:1/]
  },
  'a certificate that is not there': async ({ settingsFile }) => {
    const text = readFileSync(settingsFile, 'utf8')
    writeFileSync(settingsFile, text.replace('/gateway.crt', '/nothing.crt'))
    return [2, /nothing\.crt: cannot be read/]
  },
  'a record of a newer version': async (one) => {
    const { DatabaseSync } = await import('node:sqlite')
    await (await one.openStore()).close()
    const database = new DatabaseSync(join(one.folder, 'record.db'))
    database.exec("insert into kysely_migration values ('9999-future', '2030-01-01T00:00:00.000Z')")
    database.close()
    return [1, /9999-future.*newer program/]
  },
}
for (const [what, make] of Object.entries(mistakes)) {
  t.test(`with several processes, ${what} is told once, as with one`, async (t) => {
    const one = await installation(t, { upstream: 'http://127.0.0.1:9', gateway: '  processes: 2' })
    const [code, words] = await make(one)
    const result = await one.gatehouse('run')
    t.equal(result.code, code)
    t.match(result.stderr, words)
    t.equal(result.stderr.split('\n').filter((line) => words.test(line)).length, 1)
  })
}

t.test('with several processes, a port that is taken is told', async (t) => {
  const { gateway } = await several(t)
  const other = await installation(t, {
    upstream: 'http://127.0.0.1:9',
    gateway: '  processes: 2',
    listen: [`http://127.0.0.1:${gateway.plain}`],
  })
  const result = await other.gatehouse('run')
  t.equal(result.code, 1)
  t.match(result.stderr, /another program listens there/)
})
