import t from 'tap'
import type { VendorPage } from '../../../src/compliance/connectors/connector.ts'
import { SweepWatch } from '../../../src/compliance/connectors/parts/page.ts'
import type { ManagedDevice } from '../../../src/domain/managed-device.ts'

function page(ids: readonly number[], more: Omit<VendorPage, 'devices'> = {}): VendorPage {
  const devices = ids.map(
    (id): ManagedDevice => ({
      vendor: 'v',
      vendorDeviceId: String(id),
      ids: {},
      user: {},
      platform: undefined,
      management: 'managed',
      compliance: 'compliant',
      reasons: [],
    }),
  )
  return { devices, ...more }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

t.test('a device is given once, within a page and across pages', async (t) => {
  const watch = new SweepWatch()
  t.equal(watch.page(page([1, 2, 2])).devices.length, 2)
  t.strictSame(
    watch.page(page([2, 3])).devices.map(({ vendorDeviceId }) => vendorDeviceId),
    ['3'],
  )
  t.equal(watch.seen, 3)
})

t.test('a sweep may miss one in fifty of the total, since pages shift, and no more', async (t) => {
  const sweep = (seen: number, total: number) => {
    const watch = new SweepWatch()
    watch.page(page(range(0, seen), { total }))
    return () => watch.end()
  }
  t.doesNotThrow(sweep(100, 100))
  t.doesNotThrow(sweep(98, 100))
  t.throws(sweep(97, 100), { code: 'incomplete' })
  t.doesNotThrow(sweep(3, 4))
  t.throws(sweep(2, 4), { code: 'incomplete' })
  t.throws(sweep(0, 1), { code: 'incomplete' })
  t.doesNotThrow(sweep(0, 0))
  t.doesNotThrow(sweep(120, 100))
})

t.test('records that cannot be read were there: they are not missing', async (t) => {
  const watch = new SweepWatch()
  watch.page(page(range(0, 5), { total: 10, unreadable: { count: 5, reason: 'no id' } }))
  t.doesNotThrow(() => watch.end())
})

t.test('the totals of several lists add up', async (t) => {
  const watch = new SweepWatch()
  watch.nextList()
  watch.page(page(range(0, 10), { total: 10 }))
  watch.nextList()
  watch.page(page(range(10, 15), { total: 10 }))
  t.throws(() => watch.end(), { code: 'incomplete' })
  watch.page(page(range(15, 20), { total: 10 }))
  t.doesNotThrow(() => watch.end())
})

t.test('a vendor that gives the same page again and again is not read without end', async (t) => {
  const watch = new SweepWatch()
  watch.page(page([1, 2]))
  watch.page(page([1, 2]))
  t.throws(() => watch.page(page([1, 2])), { code: 'incomplete' })
})
