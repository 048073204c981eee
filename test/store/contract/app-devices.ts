import type { Test } from 'tap'
import type { AppContact } from '../../../src/store/ports.ts'
import { key, type OpenStore, registration, start } from './values.ts'

const life = 300_000

export function contact(id: string, changes: Partial<AppContact> = {}): AppContact {
  return {
    device: {
      id,
      user: 'ann',
      ids: { udid: 'UDID0001', imei: ['35693803564380'] },
      platform: 'ios',
      appVersion: '2.1',
      thumbprint: `thumbprint of ${id}`,
      publicKey: '{"kty":"OKP"}',
    },
    packageKey: '2026-01',
    source: '127.20.0.5',
    at: start,
    tickets: [{ hash: `ticket of ${id}`, service: 'mail', expiresAt: start + life }],
    ...changes,
  }
}

/** What `AppDevices` and `BindingTickets` promise, and how a registration uses a ticket up. */
export function appDevicesContract(t: Test, open: OpenStore): void {
  t.test('an app’s device is found by its key, and admitting it again renews it', async (t) => {
    const { appDevices, audit } = await open(t)
    const first = await appDevices.admit(contact('d_1'))
    t.match(first, { id: 'd_1', user: 'ann', ids: { udid: 'UDID0001' }, registeredAt: start })
    const again = contact('d_2', { at: start + 5 })
    const renewed = await appDevices.admit({
      ...again,
      device: {
        ...again.device,
        thumbprint: 'thumbprint of d_1',
        appVersion: '2.2',
        ids: { serial: 'C02XYZ' },
      },
    })
    t.match(renewed, { id: 'd_1', appVersion: '2.2', registeredAt: start, lastSeenAt: start + 5 })
    t.strictSame(renewed?.ids, { udid: 'UDID0001', imei: ['35693803564380'], serial: 'C02XYZ' })
    t.match(await appDevices.findByKey('thumbprint of d_1'), { appVersion: '2.2' })
    t.equal(await appDevices.findByKey('unknown'), undefined)
    const told = await audit.list({ subject: 'd_1', limit: 5 })
    t.match(told, [{ action: 'app.admitted', details: { user: 'ann', packageKey: '2026-01' } }])
  })

  t.test('a key that is registered stays with its user and its device', async (t) => {
    const { appDevices, bindingTickets } = await open(t)
    await appDevices.admit(contact('d_1'))
    const { device } = contact('d_2')
    const stolen = { ...device, thumbprint: 'thumbprint of d_1' }
    for (const other of [
      { ...stolen, user: 'bob' },
      { ...stolen, ids: { udid: 'UDID0002' } },
    ]) {
      t.equal(await appDevices.admit(contact('d_2', { device: other })), undefined)
    }
    t.equal(await bindingTickets.find('ticket of d_2'), undefined, 'nor is a link made')
    t.match(await appDevices.findByKey('thumbprint of d_1'), { user: 'ann', ids: { udid: 'UDID0001' } })
  })

  t.test('a key that is revoked stays so, its links end, and what rests on it is blocked', async (t) => {
    const { appDevices, bindingTickets, registrations, audit } = await open(t)
    await appDevices.admit(contact('d_1'))
    const bound = registration('r_1', { user: 'ann', appDeviceId: 'd_1' })
    await registrations.register(bound, [key('a')], 10)
    await registrations.register(registration('r_2', { user: 'ann' }), [key('b')], 10)
    const by = { name: 'admin', why: 'lost', at: start + 1 }
    t.match(await appDevices.revoke('d_1', by), { device: { revoked: { why: 'lost' } }, blocked: ['r_1'] })
    t.match(await registrations.get('r_1'), { block: { why: 'lost' } })
    t.equal((await registrations.get('r_2'))?.block, undefined)
    t.equal(await bindingTickets.find('ticket of d_1'), undefined)
    t.match(await appDevices.admit(contact('d_9', { device: { ...contact('d_1').device } })), {
      id: 'd_1',
      revoked: { by: 'admin' },
    })
    t.equal(await bindingTickets.find('ticket of d_9'), undefined, 'no link is made for it')
    const late = registration('r_3', { user: 'ann', appDeviceId: 'd_1' })
    t.strictSame(await registrations.register(late, [key('c')], 10), { outcome: 'app-revoked' })
    t.match(await appDevices.revoke('d_1', { ...by, why: 'again', at: start + 9 }), {
      device: { revoked: { why: 'lost' } },
      blocked: [],
    })
    t.equal(await appDevices.revoke('d_none', by), undefined)
    t.match(await audit.list({ subject: 'd_1', limit: 5 }), [
      { action: 'app.admitted' },
      { action: 'app.revoked', why: 'lost', actor: 'admin' },
    ])
  })

  t.test('devices are listed by user, package key and whether they still count', async (t) => {
    const { appDevices, registrations } = await open(t)
    await appDevices.admit(contact('d_1'))
    await appDevices.admit(contact('d_2', { packageKey: '2026-02', at: start + 1 }))
    const bob = { ...contact('d_3').device, user: 'bob' }
    await appDevices.admit(contact('d_3', { device: bob, at: start + 2 }))
    await registrations.register(registration('r_1', { user: 'ann', appDeviceId: 'd_2' }), [key('a')], 10)
    await appDevices.revoke('d_1', { name: 'admin', why: 'x', at: start + 3 })
    const listed = async (filter: object) =>
      (await appDevices.list({ limit: 10, ...filter })).map(({ id }) => id)
    t.strictSame(await listed({}), ['d_3', 'd_2', 'd_1'])
    t.strictSame(await listed({ user: 'ann' }), ['d_2', 'd_1'])
    t.strictSame(await listed({ packageKey: '2026-01', active: true }), ['d_3'])
    t.match(await appDevices.list({ limit: 1, user: 'ann' }), [{ packageKey: '2026-02', registrations: 1 }])
  })

  t.test('keys made up in a user’s name push out none that a registration rests on', async (t) => {
    const { appDevices, registrations } = await open(t)
    await appDevices.admit(contact('d_real'))
    await registrations.register(registration('r_1', { user: 'ann', appDeviceId: 'd_real' }), [key('a')], 10)
    for (let i = 0; i < 60; i++) await appDevices.admit(contact(`d_${i}`, { at: start + 1 + i }))
    t.ok(await appDevices.findByKey('thumbprint of d_real'))
    t.equal(await appDevices.findByKey('thumbprint of d_0'), undefined, 'but those go')
  })

  t.test('a new link for a service ends the earlier one of the same device', async (t) => {
    const { appDevices, bindingTickets } = await open(t)
    await appDevices.admit(contact('d_1'))
    const tickets = [{ hash: 'newer', service: 'mail', expiresAt: start + life }]
    await appDevices.admit(contact('d_1', { tickets }))
    t.equal(await bindingTickets.find('ticket of d_1'), undefined)
    t.match(await bindingTickets.find('newer'), { service: 'mail', user: 'ann', device: { id: 'd_1' } })
  })

  t.test('a link is opened by one holder, who may open it again', async (t) => {
    const { appDevices, bindingTickets } = await open(t)
    await appDevices.admit(contact('d_1'))
    const hash = 'ticket of d_1'
    t.equal(await bindingTickets.findHeld('mail', ['cookie'], start), undefined)
    t.equal(await bindingTickets.open(hash, { at: start + 1, holder: 'cookie' }), 'opened')
    t.equal(await bindingTickets.open(hash, { at: start + 2, holder: 'other' }), 'taken')
    t.equal(await bindingTickets.open(hash, { at: start + 3, holder: 'cookie' }), 'opened')
    t.equal(await bindingTickets.open('unknown', { at: start, holder: 'cookie' }), 'taken')
    t.match(await bindingTickets.findHeld('mail', ['x', 'cookie'], start + 4), { openedAt: start + 1 })
    t.equal(await bindingTickets.findHeld('sso', ['cookie'], start + 4), undefined, 'of this service only')
    t.equal(await bindingTickets.findHeld('mail', ['cookie'], start + life), undefined, 'while it lasts')
  })

  t.test('a link that was opened from an address is found by it', async (t) => {
    const { appDevices, bindingTickets } = await open(t)
    await appDevices.admit(contact('d_1'))
    const hash = 'ticket of d_1'
    t.strictSame(await bindingTickets.findOpened('mail', '192.0.2.1', start), [])
    t.equal(await bindingTickets.open(hash, { at: start, source: '192.0.2.1' }), 'opened')
    t.equal(await bindingTickets.open(hash, { at: start, source: '192.0.2.2' }), 'taken')
    t.match(await bindingTickets.findOpened('mail', '192.0.2.1', start), [{ hash, source: '192.0.2.1' }])
    t.strictSame(await bindingTickets.findOpened('mail', '192.0.2.2', start), [])
    t.strictSame(await bindingTickets.findOpened('sso', '192.0.2.1', start), [])
    t.strictSame(await bindingTickets.findOpened('mail', '192.0.2.1', start + life), [])
  })

  t.test('a link registers one client, also when two come at the same moment', async (t) => {
    const { appDevices, bindingTickets, registrations } = await open(t)
    await appDevices.admit(contact('d_1'))
    const ticket = 'ticket of d_1'
    const bound = { appDeviceId: 'd_1', deviceIds: { udid: 'UDID0001' } }
    const both = await Promise.all(
      ['1', '2'].map((n) => registrations.register(registration(`r_${n}`, bound), [key(n)], 10, { ticket })),
    )
    t.strictSame(both.map(({ outcome }) => outcome).sort(), ['registered', 'ticket-used'])
    const [only, ...others] = await registrations.list({ limit: 10 })
    t.strictSame(others, [])
    t.match(only?.registration, bound)
    t.match(await bindingTickets.find(ticket), { usedAt: start })
    t.equal(await bindingTickets.open(ticket, { at: start, holder: 'x' }), 'taken')
  })

  t.test('a link that has expired registers nothing', async (t) => {
    const clock = { now: start }
    const { appDevices, registrations } = await open(t, clock)
    await appDevices.admit(contact('d_1'))
    clock.now = start + life
    const late = await registrations.register(registration('r_1'), [key('a')], 10, {
      ticket: 'ticket of d_1',
    })
    t.strictSame(late, { outcome: 'ticket-used' })
    t.strictSame(await registrations.list({ limit: 10 }), [])
  })

  t.test('what is refused for another reason leaves the link as it was', async (t) => {
    const { appDevices, bindingTickets, registrations } = await open(t)
    await appDevices.admit(contact('d_1'))
    const ticket = 'ticket of d_1'
    t.strictSame(await registrations.register(registration('r_1'), [key('a')], 0, { ticket }), {
      outcome: 'limit',
    })
    t.equal((await bindingTickets.find(ticket))?.usedAt, undefined)
  })

  t.test('links that ended a day ago are forgotten', async (t) => {
    const { appDevices, bindingTickets } = await open(t)
    await appDevices.admit(contact('d_1'))
    await appDevices.admit(contact('d_2', { at: start + 23 * 3_600_000 }))
    t.ok(await bindingTickets.find('ticket of d_1'), 'known as one that has expired')
    await appDevices.admit(contact('d_3', { at: start + 25 * 3_600_000 }))
    t.equal(await bindingTickets.find('ticket of d_1'), undefined)
  })
}
