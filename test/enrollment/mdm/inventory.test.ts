import t from 'tap'
import { inventoryRound } from '../../../src/enrollment/mdm/inventory-rounds.ts'
import { enqueue, mdmUnderTest, start } from './support.ts'

const hour = 3_600_000

t.test(
  'devices are asked about themselves in rounds, and not again while they have not answered',
  async (t) => {
    const { store, device, clock } = await mdmUnderTest(t)
    const phone = await device('U1')
    await phone.enroll()
    let made = 0
    const options = {
      ...{ record: store, rights: ['device-information', 'security'] as const },
      ...{ now: () => clock.now, newUuid: () => `c${++made}` },
    }
    const round = () => inventoryRound(options, new AbortController().signal)
    const waiting = async () =>
      (await store.mdmCommands.list({ enrollment: 'U1', states: ['queued', 'sent'], limit: 9 })).length
    await round()
    await round()
    t.equal(await waiting(), 2)
    const first = await phone.report('Idle')
    t.equal(first.command?.dict.RequestType, 'DeviceInformation')
    const answer = { CommandUUID: first.command?.uuid ?? '', QueryResponses: { OSVersion: '18.2' } }
    const second = await phone.report('Acknowledged', answer)
    await phone.report('Acknowledged', { CommandUUID: second.command?.uuid ?? '', SecurityInfo: {} })
    await round()
    t.equal(await waiting(), 0, 'it has just told')
    clock.now = start + 7 * hour
    await round()
    t.equal(await waiting(), 2)
    t.strictSame(
      (await store.audit.list({ subject: 'U1', limit: 99 })).filter(({ action }) =>
        action.startsWith('command'),
      ),
      [],
    )
  },
)

t.test('what a device has no right for is not asked', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  await (await device('U1')).enroll()
  const options = { record: store, rights: ['erase'] as const, now: () => start, newUuid: () => 'c1' }
  await inventoryRound(options, new AbortController().signal)
  t.strictSame(await store.mdmCommands.list({ enrollment: 'U1', limit: 9 }), [])
})

t.test('a device that fetched a command and was not heard of since is called again', async (t) => {
  const { store, device, clock } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  await enqueue(store, 'U1', { RequestType: 'ProfileList' }, 'c1')
  await phone.report('Idle')
  t.equal(await store.pushOutbox.get('U1'), undefined)
  const options = { record: store, rights: [], now: () => clock.now, newUuid: () => 'c2' }
  await inventoryRound(options, new AbortController().signal)
  t.equal(await store.pushOutbox.get('U1'), undefined, 'it is at it')
  clock.now = start + 2 * hour
  await inventoryRound(options, new AbortController().signal)
  t.match(await store.pushOutbox.get('U1'), { dueAt: start + 2 * hour })
})
