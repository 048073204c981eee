import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { round, startRetention } from '../../src/roles/retention.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { eventually } from '../helpers/eventually.ts'
import { start } from '../store/contract/values.ts'

t.test(
  'what is older than the settings keep it is removed in small steps, and the log says so',
  async (t) => {
    const day = 86_400_000
    const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: () => start })
    t.teardown(() => store.close())
    const event = { action: 'policy.loaded', actor: 'gateway', subject: 'digest', details: {} } as const
    for (let index = 0; index < 1_200; index++)
      await store.audit.append({ at: start - 401 * day + index, ...event })
    await store.audit.append({ at: start - 399 * day, ...event })
    const lines: Record<string, unknown>[] = []
    const steps: number[] = []
    const retention = startRetention({
      leases: store.leases,
      retention: {
        ...store.retention,
        async removeAudit(before, atMost) {
          const removed = await store.retention.removeAudit(before, atMost)
          steps.push(removed)
          return removed
        },
      },
      keep: {
        audit: 400 * day,
        refusals: 30 * day,
        approvals: 180 * day,
        appDevices: 400 * day,
        scepKeys: 400 * day,
      },
      holder: 'a',
      now: () => start,
      logger: pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    })
    t.teardown(() => retention.close())
    await eventually(() => lines.length > 0)
    t.match(lines, [{ subject: 'audit', removed: 1_200, msg: 'old records removed' }])
    t.strictSame(steps, [500, 500, 200])
    t.equal(await store.audit.verify(), undefined)
    t.match(await store.audit.list({ limit: 10 }), [{ sequence: 1_201 }, { action: 'audit.removed' }])
    t.match(await store.leases.list(), [{ name: 'retention', holder: 'a' }])
    await retention.close()
    t.strictSame(await store.leases.list(), [], 'given back when the process stops')
  },
)

t.test('what cannot be removed keeps nothing else from being removed', async (t) => {
  const removed: string[] = []
  const removing = (name: string) => async () => {
    removed.push(name)
    return 0
  }
  const broken = async () => {
    throw new Error('a row of the audit log is damaged')
  }
  const year = 365 * 86_400_000
  const options = {
    leases: { hold: async () => 1, release: async () => {}, list: async () => [] },
    retention: {
      removeAudit: broken,
      removeRefusals: removing('refusals'),
      removeApprovals: removing('approvals'),
      removeAppDevices: removing('appDevices'),
      removeScepKeys: removing('scepKeys'),
      removeExpired: removing('expired'),
    },
    keep: { audit: year, refusals: year, approvals: year, appDevices: year, scepKeys: year },
    holder: 'a',
    now: () => start,
    logger: pino({ enabled: false }),
  }
  await t.rejects(round(options, new AbortController().signal), /damaged/)
  t.strictSame(removed, ['refusals', 'approvals', 'appDevices', 'scepKeys', 'expired'])
})
