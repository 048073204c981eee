import type { Test } from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { type Clock, type OpenStore, start } from './values.ts'

const minute = 60_000

/** What `Leases` promises. */
export function leasesContract(t: Test, open: OpenStore): void {
  t.test('of contenders that come at the same moment one gets the lease', async (t) => {
    const { leases } = await open(t)
    const contenders = ['a', 'b', 'c', 'd', 'e']
    const terms = await Promise.all(contenders.map((holder) => leases.hold('poll', holder, minute)))
    t.strictSame(
      terms.filter((term) => term !== undefined),
      [1],
    )
    const holder = contenders[terms.indexOf(1)] ?? ''
    t.strictSame(await leases.list(), [{ name: 'poll', holder, term: 1 }])
  })

  t.test('the holder renews its lease in the same term; nobody else gets it meanwhile', async (t) => {
    const { leases } = await open(t)
    t.equal(await leases.hold('poll', 'a', minute), 1)
    t.equal(await leases.hold('poll', 'b', minute), undefined)
    t.equal(await leases.hold('poll', 'a', minute), 1)
    t.equal(await leases.hold('poll', 'b', minute), undefined)
    t.equal(await leases.hold('push', 'b', minute), 1, 'each name is a lease of its own')
  })

  t.test('a lease that nobody renews is taken over, with a new term', async (t) => {
    const { leases } = await open(t)
    t.equal(await leases.hold('poll', 'a', minute), 1)
    t.equal(await eventually(() => leases.hold('poll', 'b', 20)), 2)
    t.equal(await leases.hold('poll', 'a', minute), undefined, 'the one before finds out')
    t.strictSame(await leases.list(), [{ name: 'poll', holder: 'b', term: 2 }])
  })

  t.test('a released lease is free at once, and its terms go on', async (t) => {
    const { leases } = await open(t)
    await leases.hold('poll', 'a', minute)
    await leases.release('poll', 'b')
    t.equal(await leases.hold('poll', 'b', minute), undefined, 'only its holder releases it')
    await leases.release('poll', 'a')
    t.strictSame(await leases.list(), [])
    t.equal(await leases.hold('poll', 'b', minute), 2)
  })

  t.test('a clock that steps neither ends a lease nor keeps it', async (t) => {
    const clock: Clock = { now: start }
    const { leases } = await open(t, clock)
    await leases.hold('poll', 'a', minute)
    t.equal(await leases.hold('poll', 'b', minute), undefined)
    clock.now += 365 * 24 * 60 * minute
    t.equal(await leases.hold('poll', 'b', minute), undefined, 'a year ahead')
    clock.now = 0
    t.equal(await eventually(() => leases.hold('poll', 'b', 20)), 2, 'back at the epoch')
  })
}
