import { userInfo } from 'node:os'
import t, { type Test } from 'tap'
import type { Registration } from '../../src/domain/registration.ts'
import { installation, json } from './support.ts'

async function withDevices(t: Test, ...changes: Partial<Registration>[]) {
  const one = installation(t)
  const store = await one.openStore()
  for (const [index, change] of changes.entries()) {
    const id = `r_${index + 1}`
    const registration: Registration = {
      id,
      service: 'chat',
      user: 'ann',
      binding: 'cookie',
      device: { type: 'iPhone', platform: 'ios', osVersion: '18.1' },
      evidence: ['network'],
      networks: ['wifi'],
      rule: 'Wi-Fi',
      source: '10.20.0.5',
      registeredAt: 1_760_000_000_000 + index,
      ...change,
    }
    await store.registrations.register(registration, [{ binding: 'cookie', hash: id }], 10)
  }
  return { ...one, store }
}

t.test('devices are listed newest first, for a user and a service, a page at a time', async (t) => {
  const { here } = await withDevices(t, {}, { user: 'bob' }, {}, { service: 'mail' })
  const ids = async (...args: string[]) =>
    json(await here('device', 'list', '--json', ...args)).devices.map(
      ({ registration }: { registration: Registration }) => registration.id,
    )
  t.strictSame(await ids(), ['r_4', 'r_3', 'r_2', 'r_1'])
  t.strictSame(await ids('--user', 'ANN'), ['r_4', 'r_3', 'r_1'])
  t.strictSame(await ids('--service', 'mail'), ['r_4'])
  t.strictSame(await ids('--limit', '2', '--after', 'r_3'), ['r_2', 'r_1'])
  const { stdout } = await here('device', 'list', '--limit', '2')
  t.match(stdout, /add --after r_3/)
  t.match(stdout, /^id +user +service/)
})

t.test(
  'a device is blocked, unblocked and forgotten, each with a reason and the person in the audit log',
  async (t) => {
    const { gatehouse, store } = await withDevices(t, {})
    const before = await store.changes.latest()
    t.equal((await gatehouse('device', 'block', 'r_1', '--why', 'lost in a taxi')).code, 0)
    t.match(await store.registrations.get('r_1'), {
      block: { why: 'lost in a taxi', by: userInfo().username },
    })
    t.match((await gatehouse('device', 'list', '--blocked')).stdout, /r_1 .* blocked/)
    const { stdout } = await gatehouse('device', 'show', 'r_1')
    t.match(stdout, /state +blocked by .*: lost in a taxi/)
    t.match(stdout, /blocked r_1: lost in a taxi/, 'its history')
    t.equal((await gatehouse('device', 'unblock', 'r_1', '--why', 'found')).code, 0)
    t.equal((await store.registrations.get('r_1'))?.block, undefined)
    t.equal((await gatehouse('device', 'forget', 'r_1', '--why', 'sold')).code, 0)
    t.equal(await store.registrations.get('r_1'), undefined)
    const actions = (await store.audit.list({ subject: 'r_1', limit: 10 })).map(({ action, why }) => [
      action,
      why,
    ])
    t.strictSame(actions.slice(1), [
      ['device.blocked', 'lost in a taxi'],
      ['device.unblocked', 'found'],
      ['device.forgotten', 'sold'],
    ])
    t.equal((await store.changes.since(before, 10)).length, 3, 'running gateways are told of each')
  },
)

t.test('what changes nothing says so', async (t) => {
  const { here, store } = await withDevices(t, {})
  const unblocked = await here('device', 'unblock', 'r_1', '--why', 'found')
  t.equal(unblocked.code, 0)
  t.match(unblocked.stdout, 'r_1 was not blocked')
  t.strictSame(
    await store.audit.list({ limit: 10, subject: 'r_1' }).then((found) => found.map((one) => one.action)),
    ['registration.created'],
  )
  const listed = await here('device', 'list', '--service', 'chta')
  t.match(listed.stderr, 'no service chta; there are chat')
  t.equal((await here('device', 'list', '--limit', '1001')).code, 2)
})

t.test('a waiting device is listed and approved; another one is denied', async (t) => {
  const { here, store } = await withDevices(t)
  const request = {
    service: 'chat',
    device: { model: 'Pixel 9' },
    source: '203.0.113.7',
    rule: 'Contractors',
    at: 1,
  }
  const ask = (user: string) =>
    store.approvals.request({ ...request, user, keys: [{ binding: 'cookie', hash: user }] }, 10)
  const [kim, lee] = [await ask('kim'), await ask('lee')]
  if (kim === 'full' || lee === 'full') throw new Error('the record is empty')
  t.match((await here('device', 'list', '--pending')).stdout, new RegExp(`${kim.id} +kim +chat +Pixel 9`))
  t.equal((await here('device', 'approve', kim.id, '--why', 'ticket 1')).code, 0)
  t.equal((await here('device', 'block', lee.id, '--why', 'unknown person')).code, 0)
  t.match(await store.approvals.findByKeys(['kim']), { status: 'granted' })
  t.match(await store.approvals.findByKeys(['lee']), { status: 'denied' })
  t.match((await here('device', 'show', kim.id)).stdout, /decided .* by /)
  t.match((await here('device', 'list', '--pending')).stdout, /No device waits/)
})

t.test('a device that does not exist: exit 1, in words', async (t) => {
  const { here } = await withDevices(t)
  for (const args of [
    ['show', 'r_9'],
    ['block', 'r_9', '--why', 'x'],
    ['forget', 'r_9', '--why', 'x'],
    ['show', 'a_9'],
  ]) {
    const { code, stderr } = await here('device', ...args)
    t.equal(code, 1, args.join(' '))
    t.match(stderr, /There is no device [ra]_9/)
  }
})

t.test('what a client calls itself cannot write on the terminal', async (t) => {
  const { here } = await withDevices(t, { device: { model: '\u001b[2Jgone\u202e\u009b1m' } })
  const { stdout } = await here('device', 'show', 'r_1')
  t.match(stdout, '\\u001b[2Jgone\\u202e\\u009b1m')
  const asJson = await here('device', 'list', '--json')
  t.notMatch(asJson.stdout, /[\u001b\u009b\u202e]/)
  t.equal(json(asJson).devices[0].registration.device.model, '\u001b[2Jgone\u202e\u009b1m')
})

t.test('without a record no command makes one: it would belong to whoever ran the command', async (t) => {
  const { gatehouse } = installation(t)
  const { code, stderr } = await gatehouse('device', 'list')
  t.equal(code, 1)
  t.match(stderr, /There is no record at/)
  t.equal((await gatehouse('migrate', '--status')).code, 1)
  t.equal((await gatehouse('migrate')).code, 0)
  t.equal((await gatehouse('migrate', '--status')).code, 0)
  t.match((await gatehouse('device', 'list')).stdout, /No devices/)
})
