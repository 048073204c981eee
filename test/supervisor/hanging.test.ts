import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadSettings } from '../../src/settings/load.ts'
import { startSupervisor } from '../../src/supervisor/supervisor.ts'
import { eventually } from '../helpers/eventually.ts'
import { installation, readiness, readMetric } from '../operations/support.ts'

t.test('a process that hangs is ended and replaced; readiness and metrics go on meanwhile', async (t) => {
  const one = await installation(t, { upstream: 'http://127.0.0.1:9', gateway: '  processes: 2' })
  const { settings, problems } = loadSettings(one.settingsFile, {})
  if (settings === undefined) throw new Error(JSON.stringify(problems))
  const logTo = join(one.folder, 'log')
  const supervisor = await startSupervisor({
    settings,
    settingsText: readFileSync(one.settingsFile, 'utf8'),
    processes: 2,
    env: {},
    now: Date.now,
    logTo,
    // Longer than a process of a busy machine waits for its turn.
    hungAfter: 8_000,
  })
  t.teardown(() => supervisor.close())
  const log = () =>
    readFileSync(logTo, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  const pidOf = (worker: number) =>
    log().findLast((line) => line.msg === 'process ready' && line.worker === worker)?.pid
  const pid = await eventually(() => pidOf(2))
  process.kill(pid, 'SIGSTOP')
  t.equal(
    await readMetric(supervisor.management, 'gatehouse_record_available'),
    1,
    'without an answer, the last one',
  )
  await eventually(() => pidOf(2) !== pid)
  t.match(
    log().filter(({ msg }) => msg === 'a process was lost and is replaced'),
    [{ worker: 2, pid, cause: 'hung', signal: 'SIGKILL' }],
  )
  t.equal(await readMetric(supervisor.management, 'gatehouse_processes_lost_total{cause="hung"}'), 1)
  t.match(await readiness(supervisor.management), { status: 200, parts: { processes: { ok: true } } })
})
