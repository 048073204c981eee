import { join } from 'node:path'
import t, { type Test } from 'tap'
import { sha256OfParts } from '../../src/lib/hash.ts'
import type { StoreLocation } from '../../src/store/location.ts'
import { openStore } from '../../src/store/open.ts'
import { postgresServer } from '../helpers/postgres.ts'

const start = 1_780_000_000_000
const by = { name: 'root', why: 'Anna has left', at: start + 1 }

/** A Mac with the channels of two people, each with a certificate that came with a profile. */
async function macWithPeople(t: Test, location: StoreLocation) {
  const store = await openStore(location, { now: () => start })
  t.teardown(() => store.close())
  const { enrollments, certificates, scepChallenges } = store
  const certificate = (serial: string, enrollment: string) =>
    certificates.issue(
      {
        ...{ serial, authority: 'ca_1', purpose: 'device', enrollment, user: 'anna', certificate: 'AA==' },
        ...{ fingerprint: `fingerprint ${serial}`, publicKey: `key ${serial}` },
        ...{ notBefore: start, notAfter: start + 86_400_000, issuedAt: start },
      },
      { name: 'enrollment', at: start },
    )
  await certificate('01', 'MAC-1')
  await enrollments.begin({
    ...{ id: 'MAC-1', kind: 'device', user: 'anna', ids: {}, device: {}, topic: 'x', at: start },
    identity: { certificate: 'fingerprint 01', publicKey: 'key 01' },
  })
  const token = { token: Buffer.alloc(32), magic: 'm', topic: 'x', awaitingConfiguration: false, at: start }
  await enrollments.takeToken({ id: 'MAC-1', ...token })
  for (const user of ['anna', 'bob']) {
    const channel = { kind: 'user', parent: 'MAC-1', user } as const
    await enrollments.takeToken({ id: `MAC-1:${user}`, channel, ...token })
    const times = { createdAt: start, expiresAt: start + 1000 }
    await scepChallenges.add({ hash: `challenge of ${user}`, enrollment: `MAC-1:${user}`, ...times })
  }
  await certificate('0A', 'MAC-1:anna')
  await certificate('0B', 'MAC-1:bob')
  const revoked = async () => (await certificates.revokedSerials(start)).toSorted()
  return { store, revoked }
}

async function channelsEnd(t: Test, location: () => Promise<StoreLocation>): Promise<void> {
  t.test('what the people of a device were given ends with the device', async (t) => {
    const { store, revoked } = await macWithPeople(t, await location())
    await store.registrations.register(
      {
        ...{ id: 'r1', service: 'mail', user: 'bob', binding: 'certificate', device: {}, evidence: [] },
        ...{ networks: [], rule: 'x', source: '192.0.2.1', registeredAt: start },
      },
      [{ binding: 'certificate', hash: sha256OfParts('mail', 'certificate', 'key 0B') }],
      10,
      {},
    )
    const ended = await store.enrollments.end('MAC-1', 'leaving', by)
    t.strictSame(await revoked(), ['01', '0A', '0B'])
    t.strictSame(ended?.blocked, ['r1'])
    for (const user of ['anna', 'bob'])
      t.equal(
        await store.scepChallenges.find(`challenge of ${user}`),
        undefined,
        'nor gets anybody another one',
      )
  })

  t.test('and with the channel of its person, which takes nothing from the others', async (t) => {
    const { store, revoked } = await macWithPeople(t, await location())
    await store.enrollments.end('MAC-1:bob', 'gone', by)
    t.strictSame(await revoked(), ['0B'])
    t.match(await store.enrollments.get('MAC-1'), { state: 'enrolled' })
    t.ok(await store.scepChallenges.find('challenge of anna'))
    await store.enrollments.end('MAC-1', 'gone', by)
    t.strictSame(await revoked(), ['01', '0A', '0B'])
  })
}

t.test('in SQLite', async (t) => {
  await channelsEnd(t, async () => ({ kind: 'sqlite', path: join(t.testdir(), `${Math.random()}.db`) }))
})

t.test('in PostgreSQL', async (t) => {
  const server = await postgresServer(t)
  await channelsEnd(t, () => server.createLocation())
})
