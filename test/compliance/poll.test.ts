import { once } from 'node:events'
import t from 'tap'
import { VendorError, type VendorPage } from '../../src/compliance/connectors/connector.ts'
import { eventually } from '../helpers/eventually.ts'
import { device, office, ScriptedVendor } from './scripted-vendor.ts'

/** A vendor whose sweep stops after its first page, for as long as the test likes. */
class SlowVendor extends ScriptedVendor {
  readonly #gate = new EventTarget()
  waiting = false
  sweeps = 0

  override async *sweep(): AsyncIterable<VendorPage> {
    this.sweeps++
    const asItWas = this.devices
    yield { devices: [] }
    this.waiting = true
    await once(this.#gate, 'go')
    this.waiting = false
    yield { devices: asItWas }
  }

  goOn(): void {
    this.#gate.dispatchEvent(new Event('go'))
  }
}

t.test('who has mended the phone is let in while a long sweep is under way, and stays in', async (t) => {
  const vendor = new SlowVendor([device('1', { compliance: 'noncompliant', reasons: ['No passcode'] })], {
    lookup: true,
  })
  const stop = new AbortController()
  const { register, compliance, posture, store } = await office(
    t,
    { mdm: vendor },
    { interval: 20, askAgain: 20, now: Date.now },
  )
  await register('r_1')
  const running = compliance.run(stop.signal)
  await eventually(() => vendor.waiting)
  vendor.goOn()
  await eventually(async () => (await posture('r_1'))?.state === 'noncompliant')
  await eventually(() => vendor.waiting)
  vendor.change('1', { compliance: 'compliant', reasons: [] })
  await eventually(async () => (await posture('r_1'))?.state === 'compliant')
  t.ok(vendor.waiting, 'the sweep that had begun before has not ended')
  const before = await store.audit.list({ limit: 1000 })
  const { sweeps } = vendor
  vendor.goOn()
  await eventually(() => vendor.sweeps > sweeps && vendor.waiting)
  t.match(await posture('r_1'), { state: /^compliant$/ }, 'the older word of the sweep does not count')
  t.equal((await store.audit.list({ limit: 1000 })).length, before.length, 'not for a moment either')
  stop.abort()
  vendor.goOn()
  await running
})

t.test('a vendor that refuses our credentials is asked ever less: more tries lock the account', async (t) => {
  const vendor = new ScriptedVendor([device('1', { compliance: 'noncompliant' })], { lookup: true })
  const stop = new AbortController()
  let sweeps = 0
  const { register, compliance, posture } = await office(
    t,
    { mdm: vendor },
    { interval: 50, askAgain: 10, now: Date.now },
  )
  await register('r_1')
  const sweep = vendor.sweep.bind(vendor)
  vendor.sweep = async function* () {
    sweeps++
    if (sweeps === 1) yield* sweep()
    else throw new VendorError('credentials', 'the password was changed')
  }
  const began = performance.now()
  const running = compliance.run(stop.signal)
  await eventually(async () => (await posture('r_1'))?.state === 'noncompliant')
  await eventually(() => sweeps >= 2)
  const asked = vendor.asked.length
  await eventually(() => sweeps >= 5)
  t.ok(performance.now() - began > 50 + 100 + 200 + 400 - 100, 'each time twice as long')
  t.ok(vendor.asked.length <= asked + 1, 'single devices are not asked for meanwhile')
  stop.abort()
  await running
})
