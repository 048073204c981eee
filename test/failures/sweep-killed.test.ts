import type { ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import type { Registration } from '../../src/domain/registration.ts'
import type { Store } from '../../src/store/ports.ts'
import { eventually } from '../helpers/eventually.ts'
import { installation, upstream } from '../operations/support.ts'
import { allServe, isRunning, pids } from '../supervisor/support.ts'

const pageSize = 20
const fleet = 60

interface Vendor {
  readonly url: string
  /** What it says of a device that is not in order. */
  readonly noncompliant: Set<number>
  /** From the next sweep on the second page is not answered. */
  stuck: boolean
  /** Second pages that wait for their answer. */
  readonly waiting: Set<ServerResponse>
}

/** An MDM whose sweeps of three pages can be stopped in the middle. */
async function startVendor(t: Test): Promise<Vendor> {
  const noncompliant = new Set<number>()
  const waiting = new Set<ServerResponse>()
  let hangs = false
  const url = await upstream(t, (request, response) => {
    const page = Number(new URL(request.url ?? '', 'http://vendor').searchParams.get('page'))
    if (page === 1) hangs = vendor.stuck
    if (hangs && page === 2) {
      waiting.add(response)
      response.once('close', () => waiting.delete(response))
      return
    }
    const first = (page - 1) * pageSize
    const items = Array.from({ length: pageSize }, (_, index) => ({
      ...{ id: `d${first + index}`, user: `user-${first + index}`, kind: 'ios', enrolment: 'managed' },
      state: noncompliant.has(first + index) ? 'violated' : 'ok',
    }))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ total: fleet, items: first < fleet ? items : [] }))
  })
  const vendor: Vendor = { url, noncompliant, stuck: false, waiting }
  return vendor
}

function settings({ url }: Vendor): string {
  return `limits: { drainFor: 1s }
compliance:
  interval: 1s
  vendors:
    - name: acme
      type: generic
      url: ${url}/devices
      auth: none
      list: /items
      total: /total
      paging: { page: { parameter: page, first: 1, size: ${pageSize} } }
      fields: { id: /id, userName: /user, platform: /kind, management: /enrolment, compliance: /state }
      values: { compliance: { compliant: [ok], noncompliant: [violated] }, management: { managed: [managed] } }
`
}

async function register(store: Store, n: number): Promise<void> {
  const registration: Registration = {
    ...{ id: `r${n}`, service: 'chat', user: `user-${n}`, binding: 'cookie', device: { platform: 'ios' } },
    ...{ evidence: ['network'], networks: [], rule: 'Wi-Fi', source: '127.20.0.5', registeredAt: Date.now() },
  }
  await store.registrations.register(registration, [{ binding: 'cookie', hash: `key of ${n}` }], 1000)
}

async function states(store: Store): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (let n = 0; n < fleet; n++) {
    const { state = 'none' } = (await store.registrations.get(`r${n}`))?.posture ?? {}
    found[state] = (found[state] ?? 0) + 1
  }
  return found
}

t.test(
  'who asks the vendors is killed in the middle of a sweep: another takes over, and blocks whom the vendor names alone',
  async (t) => {
    const vendor = await startVendor(t)
    const address = await upstream(t, (_request, response) => response.end('welcome'))
    const one = await installation(t, {
      upstream: address,
      gateway: '  processes: 2',
      listen: ['http://127.0.0.1:0'],
      settings: settings(vendor),
    })
    const gateway = await one.start()
    await allServe(gateway)
    const jobs = await eventually(() => pids(gateway).get('jobs'))
    const store = await one.openStore()
    for (let n = 0; n < fleet; n++) await register(store, n)
    await eventually(async () => (await states(store)).compliant === fleet)

    vendor.noncompliant.add(1)
    vendor.stuck = true
    await eventually(async () => {
      const stored = await store.managedDevices.get('acme', 'd1')
      return stored?.device.compliance === 'noncompliant' && vendor.waiting.size > 0
    })
    const audited = (await store.audit.list({ limit: 1000 })).length
    process.kill(jobs, 'SIGKILL')
    await eventually(() => !isRunning(jobs))
    t.strictSame(await states(store), { compliant: fleet }, 'half a sweep blocks nobody')

    vendor.stuck = false
    vendor.noncompliant.add(50)
    const killedAt = Date.now()
    await eventually(async () => {
      const [last] = await store.sweeps.list('acme', 1)
      return last?.complete && last.startedAt >= killedAt
    })
    await eventually(async () => (await states(store)).noncompliant === 2)
    t.strictSame(await states(store), { compliant: fleet - 2, noncompliant: 2 })
    const news = (await store.audit.list({ limit: 1000 })).slice(audited)
    t.strictSame(
      news
        .filter(({ action }) => action === 'posture.changed')
        .map(({ subject }) => subject)
        .sort(),
      ['r1', 'r50'],
      'nobody else, not for a moment either',
    )
    t.equal(await store.audit.verify(), undefined)
    t.not(pids(gateway).get('jobs'), jobs, 'another process')
  },
)
