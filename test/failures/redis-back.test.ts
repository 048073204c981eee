import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import type { GatehouseProcess } from '../operations/support.ts'
import {
  isUnwell,
  isWell,
  knownDevice,
  knownEverywhere,
  messages,
  type Site,
  site,
  stranger,
} from './support.ts'

/** At every process: connections are handed out in turns. */
async function answersEverywhere(t: Test, gateway: GatehouseProcess, cookie: string, status: number) {
  for (let n = 0; n < 6; n++) t.equal((await messages(gateway, cookie)).status, status)
}

async function block(one: Site, user: string): Promise<void> {
  const store = await one.openStore()
  const [found] = await store.registrations.list({ user, limit: 1 })
  await store.registrations.block(found?.registration.id ?? '', { name: 'test', at: Date.now(), why: 'lost' })
}

/** Until every process of this machine has heard of the block. */
async function isOut(gateway: GatehouseProcess, cookie: string): Promise<void> {
  await eventually(async () => {
    for (let n = 0; n < 6; n++) if ((await messages(gateway, cookie)).status !== 403) return false
    return true
  })
}

t.test('Redis comes back with an old dump: who was blocked while it was away stays out', async (t) => {
  const one = await site(t, { machines: 2, limits: 'recordTimeout: 5s' })
  const [running, starting] = one.machines
  if (running === undefined || starting === undefined) throw new Error('two machines')
  const [alice, bob] = [await knownDevice(one, 'alice'), await knownDevice(one, 'bob')]
  await one.redis.cli('SAVE')
  const dump = join(one.redis.folder, 'dump.rdb')
  copyFileSync(dump, `${dump}.old`)
  t.match(await one.redis.cli('KEYS', '*:s:*'), /:s:.*:s:/s, 'the dump holds both as they were')

  await one.redis.kill()
  await isUnwell(running.gateway, 'redis')
  await block(one, 'bob')
  await isOut(running.gateway, bob)
  // A machine without a memory of its own: it has what Redis and the record say.
  starting.gateway.child.kill('SIGTERM')
  await starting.gateway.exited
  copyFileSync(`${dump}.old`, dump)
  await one.redis.start()
  t.match(await one.redis.cli('KEYS', '*:s:*'), /:s:.*:s:/s, 'it did come back with them')

  const started = await starting.one.start()
  for (const gateway of [running.gateway, started]) {
    await answersEverywhere(t, gateway, bob, 403)
    if (gateway === running.gateway) await isWell(gateway, 'redis')
    await answersEverywhere(t, gateway, bob, 403)
    await answersEverywhere(t, gateway, alice, 200)
    await answersEverywhere(t, gateway, stranger, 403)
  }
})

t.test('Redis is flushed: nobody gets in or out by it, and blocks hold', async (t) => {
  const one = await site(t, { machines: 2, limits: 'recordTimeout: 5s' })
  const [alice, bob] = [await knownDevice(one, 'alice'), await knownDevice(one, 'bob')]
  await block(one, 'bob')
  for (const { gateway } of one.machines) await isOut(gateway, bob)
  for (let n = 0; n < 3; n++) {
    await one.redis.flush()
    await knownEverywhere(one.machines, alice)
    for (const { gateway } of one.machines) {
      await answersEverywhere(t, gateway, bob, 403)
      await answersEverywhere(t, gateway, stranger, 403)
    }
  }
  await one.redis.flush()
  await block(one, 'alice')
  for (const { gateway } of one.machines) await isOut(gateway, alice)
})
