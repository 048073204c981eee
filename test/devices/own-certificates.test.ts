import t, { type Test } from 'tap'
import { OwnCertificates } from '../../src/devices/own-certificates.ts'
import { RecordUnavailable } from '../../src/store/errors.ts'
import { eventually } from '../helpers/eventually.ts'

const gone = new RecordUnavailable('io', 'gone')

const named = (serialNumber: string, publicKeySha256 = '') => ({ serialNumber, publicKeySha256 })

/** A record that answers with these serials, or not at all. */
function setUp(t: Test) {
  const record = { serials: ['AA'] as readonly string[] | undefined, authority: 'PEM 1' }
  const clock = { now: 0 }
  const announced: string[] = []
  const own: OwnCertificates = new OwnCertificates({
    certificates: {
      async revokedSerials() {
        if (record.serials === undefined) throw gone
        return record.serials
      },
    },
    authorities: {
      trusted: async () => [
        { id: 'ca_1', kind: 'own', certificate: record.authority, chain: '', createdAt: 0 },
      ],
    },
    now: () => clock.now,
    monotonic: () => clock.now,
    staleFor: () => 60_000,
    onAuthorities: () => announced.push(own.authorities.join()),
    onError: () => {},
  })
  t.teardown(() => own.close())
  return { own, record, clock, announced }
}

t.test(
  'a revocation counts from its notice on, before the record is read again, and afterwards',
  async (t) => {
    const { own, record } = setUp(t)
    await own.refresh()
    t.strictSame([own.isRevoked(named('AA')), own.isRevoked(named('BB'))], [true, false])
    own.told('BB')
    t.equal(own.ready(), undefined, 'nobody waits')
    t.equal(own.isRevoked(named('BB')), true)
    record.serials = ['AA', 'BB']
    await own.refresh()
    t.equal(own.isRevoked(named('BB')), true)
  },
)

t.test(
  'what another CA has issued through us is refused by its key, whatever its serial number',
  async (t) => {
    const { own, record } = setUp(t)
    const key = Buffer.alloc(32, 7).toString('base64url')
    record.serials = ['07'.repeat(32).slice(1)]
    await own.refresh()
    t.strictSame([own.isRevoked(named('01', key)), own.isRevoked(named('01'))], [true, false])
  },
)

t.test('a notice that comes while the record is being read is not lost', async (t) => {
  const { own } = setUp(t)
  const reading = own.refresh()
  own.told('BB')
  await reading
  t.equal(own.isRevoked(named('BB')), true)
})

t.test('what was read last counts for a while without the record; then nobody is let in by it', async (t) => {
  const { own, record, clock } = setUp(t)
  await own.refresh()
  record.serials = undefined
  await t.rejects(own.refresh(), gone)
  clock.now = 60_000
  t.equal(own.ready(), undefined)
  t.equal(own.isRevoked(named('AA')), true)
  clock.now = 60_001
  t.throws(() => own.ready(), RecordUnavailable)
  record.serials = []
  await own.refresh()
  t.equal(own.ready(), undefined)
})

t.test(
  'who asks while the record is read for the first time waits, and is told when it cannot be',
  async (t) => {
    const { own, record, clock } = setUp(t)
    record.serials = undefined
    const failing = own.refresh().catch(() => {})
    const ready = own.ready()
    await failing
    await ready
    clock.now = 60_001
    t.throws(() => own.ready(), RecordUnavailable)
  },
)

t.test('another authority is announced once', async (t) => {
  const { own, record, announced } = setUp(t)
  await own.refresh()
  await own.refresh()
  record.authority = 'PEM 2'
  own.told('ca_2')
  await own.ready()
  t.strictSame(announced, ['PEM 1', 'PEM 2'])
})

t.test('the first revocation of all counts from its notice on', async (t) => {
  const { own, record } = setUp(t)
  record.serials = []
  await own.refresh()
  own.told('BB')
  t.strictSame([own.isRevoked(named('BB')), own.isRevoked(named('AA'))], [true, false])
})

t.test('failing again and again makes nothing that is old young', async (t) => {
  const { own, record, clock } = setUp(t)
  await own.refresh()
  record.serials = undefined
  await t.rejects(own.refresh(), gone)
  clock.now = 60_000
  await t.rejects(own.refresh(), gone)
  clock.now = 60_001
  t.throws(() => own.ready(), RecordUnavailable)
})

t.test('what could not be read is read again without anybody’s asking', async (t) => {
  const { own, record } = setUp(t)
  record.serials = undefined
  await t.rejects(own.refresh(), gone)
  record.serials = ['CC']
  await eventually(() => own.isRevoked(named('CC')))
})

t.test(
  'readings follow one another, two changes share the next one, and who asks waits for it',
  async (t) => {
    const answers: (() => void)[] = []
    const asked: string[][] = []
    const own = new OwnCertificates({
      certificates: {
        revokedSerials: () =>
          new Promise((resolve) => {
            const serials = [`A${answers.length}`]
            asked.push(serials)
            answers.push(() => resolve(serials))
          }),
      },
      authorities: { trusted: async () => [] },
      ...{ now: () => 0, monotonic: () => 0, onError: () => t.fail() },
    })
    t.teardown(() => own.close())
    const first = own.refresh()
    const second = own.refresh()
    const third = own.refresh()
    t.equal(asked.length, 1, 'not at the same time')
    let isReady = false
    const ready = own.ready()?.then(() => {
      isReady = true
    })
    answers[0]!()
    await first
    await eventually(() => asked.length === 2)
    t.equal(isReady, false, 'what was told of last is not read yet')
    answers[1]!()
    await Promise.all([second, third, ready])
    t.strictSame([asked.length, own.isRevoked(named('A1')), own.isRevoked(named('A0'))], [2, true, false])
  },
)
