import type { Test } from 'tap'
import type { ApprovalRequest, StoredRefusal } from '../../../src/store/ports.ts'
import { admin, key, type OpenStore, registration, start } from './values.ts'

function request(hash: string, changes: Partial<ApprovalRequest> = {}): ApprovalRequest {
  return {
    service: 'mail',
    user: 'ann',
    device: { type: 'iPhone' },
    source: '203.0.113.7',
    rule: 'Contractors',
    keys: [key(hash)],
    at: start,
    ...changes,
  }
}

function refusal(reference: string): StoredRefusal {
  return {
    reference,
    at: start,
    facts: {
      ...{ service: 'mail', client: 'activesync', mode: 'enforce', method: 'POST', path: '/', signIn: false },
      ...{ publicPath: false, source: '203.0.113.7', vouchedNetworks: [], groups: [], evidence: [] },
    },
    explanation: {
      decision: { verdict: 'refuse', reason: 'device.unregistered' },
      networks: [],
      trace: [{ list: 'registration', rule: 'VPN', matched: false, conditions: [] }],
    },
    policyDigest: 'digest',
  }
}

/** What `Approvals`, `Bypasses`, `Refusals` and `InstallationKeys` promise. */
export function administrationContract(t: Test, open: OpenStore): void {
  t.test('a waiting device is there once, however often it asks', async (t) => {
    const { approvals } = await open(t)
    const first = await approvals.request(request('a'), 10)
    t.match(first, { id: /^a_/, status: 'waiting', user: 'ann', rule: 'Contractors', at: start })
    const again = await Promise.all([
      approvals.request(request('a'), 10),
      approvals.request(request('a'), 10),
    ])
    t.strictSame(again, [first, first])
    t.strictSame(await approvals.findByKeys(['x', 'a']), first)
    t.equal(await approvals.findByKeys(['x']), undefined)
    await t.rejects(approvals.request(request('a', { keys: [] }), 10), TypeError)
  })

  t.test('no more devices wait than the limit; those that were decided do not count', async (t) => {
    const { approvals } = await open(t)
    const first = await approvals.request(request('a'), 1)
    t.equal(await approvals.request(request('b'), 1), 'full')
    t.not(await approvals.request(request('a'), 1), 'full')
    if (first !== 'full') await approvals.decide(first.id, 'denied', admin)
    t.match(await approvals.request(request('b'), 1), { status: 'waiting' })
    t.strictSame((await approvals.list('waiting', 10)).length, 1)
    t.strictSame((await approvals.list(undefined, 10)).length, 2)
  })

  t.test('an approval is decided with actor and reason, and the mind may be changed', async (t) => {
    const { approvals, audit, changes } = await open(t)
    const asked = await approvals.request(request('a'), 10)
    const id = asked === 'full' ? '' : asked.id
    t.match(await approvals.decide(id, 'granted', admin), { status: 'granted', decidedBy: 'root' })
    const denied = await approvals.decide(id, 'denied', { ...admin, why: 'left' })
    t.strictSame(await approvals.findByKeys(['a']), denied)
    t.equal(await approvals.decide('a_none', 'granted', admin), undefined)
    t.match(await audit.list({ subject: id, limit: 10 }), [
      { action: 'approval.requested', actor: 'gateway' },
      { action: 'approval.granted', actor: 'root', why: 'lost in a taxi' },
      { action: 'approval.denied', actor: 'root', why: 'left' },
    ])
    t.match(await changes.since(0, 10), Array(3).fill({ kind: 'approval', subject: id }))
  })

  t.test('a device that claims another user’s id has no part in that user’s approval', async (t) => {
    const { approvals } = await open(t)
    const ann = await approvals.request(request('a'), 10)
    if (ann !== 'full') await approvals.decide(ann.id, 'granted', admin)
    const mallory = await approvals.request(request('a', { user: 'mallory', at: start + 9 }), 10)
    t.match(mallory, { status: 'waiting', user: 'mallory' })
    t.match(await approvals.findByKeys(['a'], 'ann'), { status: 'granted', user: 'ann' })
    t.match(await approvals.findByKeys(['a'], 'mallory'), { status: 'waiting' })
    t.equal(await approvals.findByKeys(['a'], 'bob'), undefined)
  })

  t.test('a device that is forgotten has to be approved again', async (t) => {
    const { approvals, registrations } = await open(t)
    const asked = await approvals.request(request('a'), 10)
    if (asked !== 'full') await approvals.decide(asked.id, 'granted', admin)
    await approvals.request(request('b'), 10)
    await registrations.register(registration('r_1'), [key('a')], 10)
    await registrations.forget('r_1', admin)
    t.equal(await approvals.findByKeys(['a']), undefined)
    t.ok(await approvals.findByKeys(['b']))
  })

  t.test('a bypass holds until its end, and is audited', async (t) => {
    const { bypasses, audit, changes } = await open(t)
    await bypasses.open({ service: 'mail', until: start + 100, by: admin })
    await bypasses.open({ service: 'mail', until: start + 200, by: admin })
    t.strictSame(await bypasses.active(start + 199), [{ service: 'mail', until: start + 200, by: admin }])
    t.strictSame(await bypasses.active(start + 200), [])
    t.equal(await bypasses.close('mail', { ...admin, why: 'repaired' }), true)
    t.equal(await bypasses.close('mail', admin), false)
    t.strictSame(await bypasses.active(start), [])
    t.match(await audit.list({ subject: 'mail', limit: 10 }), [
      { action: 'bypass.opened', why: 'lost in a taxi', details: { until: start + 100 } },
      { action: 'bypass.opened', details: { until: start + 200 } },
      { action: 'bypass.closed', why: 'repaired' },
    ])
    t.match(await changes.since(0, 10), Array(3).fill({ kind: 'bypass', subject: 'mail' }))
  })

  t.test('refusals are found by their reference; the newest stay', async (t) => {
    const { refusals } = await open(t)
    await refusals.add([refusal('one'), refusal('two')], 3)
    t.strictSame(await refusals.get('one'), refusal('one'))
    await refusals.add([refusal('three'), refusal('two'), refusal('four')], 3)
    t.equal(await refusals.get('one'), undefined)
    t.strictSame(await refusals.get('four'), refusal('four'))
    t.equal(await refusals.get('none'), undefined)
    await refusals.add([], 3)
  })

  t.test('a key of the installation is made once', async (t) => {
    const { keys } = await open(t)
    let made = 0
    const create = () => `value ${++made}`
    const values = await Promise.all([keys.getOrCreate('return', create), keys.getOrCreate('return', create)])
    t.strictSame(values, ['value 1', 'value 1'])
    t.equal(await keys.getOrCreate('return', create), 'value 1')
    t.equal(await keys.getOrCreate('identity', create), 'value 2')
  })
}
