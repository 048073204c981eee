import { join } from 'node:path'
import { applyDeviceLoad, visitAll } from '../device-load.ts'
import { type RunningInstallation, startInstallation } from '../installation.ts'
import { type LoadResult, summary } from '../load.ts'
import { policyOfNetworks, policyOfRules } from '../policies.ts'
import { cpuSeconds } from '../processes.ts'
import { databases, seededRecord } from './records.ts'
import type { Scenario } from './scenario.ts'
import { type Workshop, withWorkshop } from './workshop.ts'

/**
 * Promised: at most a tenth fewer requests per CPU-second. What is compared takes turns. Where more devices are active than
 * there are hot copies, a device is cold at its first request, and hot for those that follow at once.
 */
export const growth: Scenario = {
  name: 'growth',
  summary: 'requests per CPU-second with few and many networks, rules and registrations',
  options: {
    registrations: { default: 1_000_000, description: 'of the large record; the small one has 1000' },
    active: { default: 60_000, description: 'of them that send requests, spread over the record' },
    hotDevices: { default: 6_000, description: 'hot copies that a process may keep' },
    burst: { default: 10, description: 'requests that a device sends in a row' },
    growthSeconds: { default: 6, description: 'of measuring each, in many short turns' },
  },
  async run({
    registrations = 1_000_000,
    active = 60_000,
    hotDevices = 6_000,
    burst = 10,
    growthSeconds = 6,
  }) {
    const order = { hotDevices, burst, seconds: growthSeconds }
    const large = { registrations, active: Math.min(active, registrations) }
    await withWorkshop(async (workshop) => {
      for (const cases of await policyCases(workshop)) console.table(await compare(cases, order, workshop))
      for (const name of databases) {
        const cases = await recordCases(name, large, workshop)
        console.table(await compare(cases, order, workshop))
      }
    })
  },
}

interface Order {
  readonly hotDevices: number
  readonly burst: number
  readonly seconds: number
}

/** One Gatehouse of a comparison; the first of them is what the others are compared with. */
interface Case extends Population {
  readonly name: string
  readonly store: string
  readonly redis?: string
  readonly policy?: string
}

interface Population {
  readonly registrations: number
  readonly active: number
}

const small: Population = { registrations: 1000, active: 1000 }

async function policyCases(workshop: Workshop): Promise<readonly (readonly Case[])[]> {
  const folder = join(workshop.folder, 'policies')
  const { store } = await seededRecord('SQLite', small.registrations, { ...workshop, folder })
  const of = (name: string, policy: string): Case => ({ name, policy, store, ...small })
  return [
    [of('10 rules', policyOfRules(10)), of('1,000 rules', policyOfRules(1000))],
    [of('10 CIDRs', policyOfNetworks(10)), of('10,000 CIDRs', policyOfNetworks(10_000))],
  ]
}

async function recordCases(
  name: (typeof databases)[number],
  large: Population,
  workshop: Workshop,
): Promise<readonly Case[]> {
  const few = await seededRecord(name, small.registrations, workshop)
  const many = await seededRecord(name, large.registrations, workshop)
  const { url: redis } = await workshop.servers.redis()
  const of = (registrations: number) => `${name}, ${registrations} registrations`
  return [
    { name: of(small.registrations), store: few.store, ...small },
    // As many as in the small record, out of all: what growth itself costs.
    {
      name: `${of(large.registrations)}, ${small.active} active`,
      store: many.store,
      ...large,
      active: small.active,
    },
    { name: of(large.registrations), store: many.store, ...large },
    { name: `${of(large.registrations)}, Redis`, store: many.store, redis, ...large },
  ]
}

interface Runner {
  readonly subject: Case
  readonly gateway: RunningInstallation
  readonly results: LoadResult[]
  cpuSeconds: number
}

async function compare(cases: readonly Case[], order: Order, workshop: Workshop): Promise<readonly object[]> {
  const runners: Runner[] = []
  try {
    for (const subject of cases) runners.push(await enter(subject, order, workshop))
    // Short ones: whatever else the machine does for a while meets all of them.
    for (let turn = 0; turn < order.seconds / turnSeconds; turn++)
      for (const runner of runners) await measure(runner, order)
    return runners.map((runner) => row(runner, runners[0] ?? runner, order))
  } finally {
    for (const { gateway } of runners) await gateway.running.stop()
  }
}

/** Warm: each active device has been seen once, and the compiler is done. */
async function enter(subject: Case, { hotDevices, burst }: Order, workshop: Workshop): Promise<Runner> {
  const { store, redis, policy } = subject
  process.stderr.write(`${subject.name}: warming up\n`)
  const gateway = await startInstallation({
    folder: join(workshop.folder, subject.name.replaceAll(/\W+/g, '-')),
    upstreamPort: workshop.upstreamPort,
    store,
    ...(redis !== undefined && { redis }),
    ...(policy !== undefined && { policy }),
    limits: { hotDevices },
  })
  await visitAll({ ...subject, port: gateway.port, connections })
  await applyDeviceLoad({ ...subject, port: gateway.port, connections, burst, seconds: 4 })
  return { subject, gateway, results: [], cpuSeconds: 0 }
}

const connections = 64
const turnSeconds = 0.25

async function measure(runner: Runner, { burst }: Order): Promise<void> {
  const { subject, gateway } = runner
  const before = cpuSeconds(gateway.pid)
  const load = { ...subject, port: gateway.port, connections, burst, seconds: turnSeconds }
  runner.results.push(await applyDeviceLoad(load))
  runner.cpuSeconds += cpuSeconds(gateway.pid) - before
}

function row({ subject, results, cpuSeconds }: Runner, first: Runner, { hotDevices, burst }: Order): object {
  const { requests, p50, p99 } = summary(results)
  const perCpuSecond = requests / cpuSeconds
  const base = summary(first.results).requests / first.cpuSeconds
  const cold = Math.max(0, 1 - hotDevices / subject.active) / burst
  return {
    case: subject.name,
    active: subject.active,
    'cold %': Number((100 * cold).toFixed(1)),
    'requests/CPU-second': Math.round(perCpuSecond),
    'of the first': Number((perCpuSecond / base).toFixed(2)),
    'p50 ms': Number(p50.toFixed(2)),
    'p99 ms': Number(p99.toFixed(2)),
  }
}
