import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadSettings } from '../../src/settings/load.ts'
import { jobsFlags, startSupervisor } from '../../src/supervisor/supervisor.ts'
import { eventually } from '../helpers/eventually.ts'
import { installation } from '../operations/support.ts'

t.test('the process that reads the vendors’ fleets keeps its heap small; the gateways do not', async (t) => {
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
  })
  t.teardown(() => supervisor.close())
  const commandOf = (worker: number | string) =>
    eventually(() => {
      const lines = readFileSync(logTo, 'utf8').split('\n').filter(Boolean)
      const ready = lines
        .map((line) => JSON.parse(line))
        .find(({ msg, worker: name }) => msg === 'process ready' && name === worker)
      return ready && readFileSync(`/proc/${ready.pid}/cmdline`, 'utf8').split('\0')
    })
  const jobs = await commandOf('jobs')
  for (const flag of jobsFlags) t.ok(jobs.includes(flag), flag)
  for (const worker of [1, 2])
    for (const flag of jobsFlags) t.notOk((await commandOf(worker)).includes(flag), `${worker}: ${flag}`)
})
