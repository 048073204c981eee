import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import type { GatehouseProcess } from '../operations/support.ts'
import { knownDevice, knownEverywhere, messages, type Site, site } from './support.ts'

/** A copy of the database as it is now: a back-up. @returns puts it in the place of what there is then */
async function backUp({ postgres, database }: Site): Promise<() => Promise<void>> {
  const name = new URL(database).pathname.slice(1)
  // Whoever is connected connects again at once: it succeeds in between.
  const insist = (...statements: readonly string[]) =>
    eventually(async () => {
      for (const statement of statements) await postgres.query(postgres.url, statement)
      return true
    })
  const end = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`
  await insist(end, `create database back_up template ${name}`)
  return async () => {
    await insist(`drop database ${name} with (force)`)
    await insist(`create database ${name} template back_up`)
  }
}

async function answersEverywhere(t: Test, gateway: GatehouseProcess, cookie: string, status: number) {
  const inTurn = async () => {
    const answers: number[] = []
    // One after the other: each goes to the next process.
    for (let n = 0; n < 6; n++) answers.push((await messages(gateway, cookie)).status)
    return new Set(answers)
  }
  // Each process finds it out by itself.
  await eventually(async () => {
    const all = await inTurn()
    return all.size === 1 && all.has(status)
  })
  t.strictSame(await inTurn(), new Set([status]))
}

t.test(
  'a record from a back-up, while Redis and gateways know of later changes: a block made after it holds',
  async (t) => {
    const one = await site(t, { machines: 2 })
    const [running, starting] = one.machines
    if (running === undefined || starting === undefined) throw new Error('two machines')
    const [alice, bob] = [await knownDevice(one, 'alice'), await knownDevice(one, 'bob')]
    const restore = await backUp(one)

    // What the back-up does not know: three changes of bob's.
    const store = await one.openStore()
    const [ofBob] = await store.registrations.list({ user: 'bob', limit: 1 })
    const by = { name: 'test', at: Date.now(), why: 'lost in a taxi' }
    for (const change of ['block', 'unblock', 'block'] as const)
      await store.registrations[change](ofBob?.registration.id ?? '', by)
    await store.close()
    await answersEverywhere(t, running.gateway, bob, 403)
    await knownEverywhere(one.machines, alice)

    // As many changes again, of alice's, before any gateway can look: by their number nothing has happened.
    starting.gateway.child.kill('SIGTERM')
    await starting.gateway.exited
    await one.toPostgres.refuse()
    await restore()
    const restored = await one.openStore()
    const [ofAlice] = await restored.registrations.list({ user: 'alice', limit: 1 })
    for (const change of ['block', 'unblock', 'block'] as const)
      await restored.registrations[change](ofAlice?.registration.id ?? '', by)
    await one.toPostgres.restore()

    const started = await starting.one.start()
    for (const gateway of [running.gateway, started]) {
      await answersEverywhere(t, gateway, alice, 403)
      await answersEverywhere(t, gateway, bob, 200)
    }
  },
)
