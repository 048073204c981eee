import type { Test } from 'tap'
import type { CommandReport, NewCommand } from '../../../src/store/enrollment-ports.ts'
import { enroll } from './enrollments.ts'
import { admin, type OpenStore, start } from './values.ts'

function command(uuid: string, changes: Partial<NewCommand> = {}): NewCommand {
  return {
    uuid,
    enrollment: 'U1',
    requestType: 'DeviceInformation',
    payload: Buffer.from(`payload of ${uuid}`),
    ...changes,
  }
}

function report(uuid: string, state: CommandReport['state'], changes: Partial<CommandReport> = {}) {
  return { uuid, enrollment: 'U1', state, errors: [], at: start + 20, ...changes }
}

const fresh = { fresh: true, renewalOnly: false, at: start + 10 }
const within = { ...fresh, fresh: false }

/** What `MdmCommands` promises. */
export function mdmCommandsContract(t: Test, open: OpenStore): void {
  t.test('commands of a device come in their order, each until it is reported', async (t) => {
    const store = await open(t)
    const { mdmCommands, audit, changes } = store
    await enroll(store, 'U1')
    await enroll(store, 'U2')
    const before = await changes.latest()
    t.equal(await mdmCommands.enqueue(command('c1'), admin), 'queued')
    t.equal(await mdmCommands.enqueue(command('c2', { requestType: 'ProfileList' }), admin), 'queued')
    t.equal(await mdmCommands.enqueue(command('c9', { enrollment: 'U2' }), admin), 'queued')
    t.match(
      (await changes.since(before, 99)).filter(({ kind }) => kind === 'push-wanted'),
      [{ subject: 'U1' }, { subject: 'U1' }, { subject: 'U2' }],
    )
    t.match(await mdmCommands.next('U1', fresh), {
      uuid: 'c1',
      state: 'sent',
      attempts: 1,
      sentAt: start + 10,
    })
    t.match(await mdmCommands.next('U1', fresh), { uuid: 'c1', attempts: 2 }, 'its answer was lost')
    t.equal((await mdmCommands.payload('c1'))?.toString(), 'payload of c1')
    const done = await mdmCommands.report(report('c1', 'acknowledged', { body: Buffer.from('<plist/>') }))
    t.match(done, { state: 'acknowledged', finishedAt: start + 20 })
    t.equal((await mdmCommands.result('c1'))?.toString(), '<plist/>')
    t.match(await mdmCommands.next('U1', within), { uuid: 'c2' })
    const errors = [{ domain: 'MCMDMErrorDomain', code: 12021, description: 'no' }]
    t.match(await mdmCommands.report(report('c2', 'error', { errors })), { state: /^error$/, errors })
    t.equal(await mdmCommands.next('U1', within), undefined)
    t.match(await mdmCommands.list({ enrollment: 'U1', limit: 9 }), [{ uuid: 'c2' }, { uuid: 'c1' }])
    t.match(await mdmCommands.list({ enrollment: 'U1', states: ['error'], limit: 9 }), [{ uuid: 'c2' }])
    t.match(await audit.list({ subject: 'U1', limit: 4 }), [
      { action: 'command.queued', actor: 'root', why: admin.why, details: { command: 'c1' } },
      { action: 'command.queued' },
      { action: 'command.finished', details: { command: 'c1', state: 'acknowledged' } },
      { action: 'command.finished', details: { requestType: 'ProfileList', state: /^error$/ } },
    ])
  })

  t.test('a report that comes twice, or about another device’s command, changes nothing', async (t) => {
    const store = await open(t)
    const { mdmCommands, changes } = store
    await enroll(store, 'U1')
    await enroll(store, 'U2')
    await mdmCommands.enqueue(command('c1'), admin)
    await mdmCommands.enqueue(command('c2'), admin)
    await mdmCommands.next('U1', fresh)
    t.ok(await mdmCommands.report(report('c1', 'acknowledged')))
    const before = await changes.latest()
    for (const late of [
      report('c1', 'acknowledged'),
      report('c1', 'error'),
      report('c1', 'not-now'),
      report('c2', 'acknowledged'),
      report('c2', 'acknowledged', { enrollment: 'U2' }),
      report('c7', 'error'),
    ])
      t.equal(await mdmCommands.report(late), undefined)
    t.equal(await changes.latest(), before)
    t.equal((await mdmCommands.get('c1'))?.state, 'acknowledged')
    t.match(await mdmCommands.next('U1', within), { uuid: 'c2' }, 'the rest of the queue is there')
  })

  t.test('NotNow: not again in this session, first in the next one', async (t) => {
    const store = await open(t)
    const { mdmCommands } = store
    await enroll(store, 'U1')
    await mdmCommands.enqueue(command('c1'), admin)
    await mdmCommands.enqueue(command('c2'), admin)
    await mdmCommands.next('U1', fresh)
    t.equal(await mdmCommands.deferredUntil('U1'), undefined)
    t.match(await mdmCommands.report(report('c1', 'not-now', { notBefore: start + 500 })), {
      state: 'not-now',
      notBefore: start + 500,
    })
    t.match(await mdmCommands.next('U1', within), { uuid: 'c2' })
    await mdmCommands.report(report('c2', 'acknowledged'))
    t.equal(await mdmCommands.next('U1', within), undefined)
    t.equal(await mdmCommands.deferredUntil('U1'), start + 500)
    t.strictSame(await mdmCommands.waiting({ now: start + 499, limit: 9 }), [])
    t.strictSame(await mdmCommands.waiting({ now: start + 500, limit: 9 }), ['U1'])
    t.strictSame(await mdmCommands.waiting({ now: start + 500, limit: 9, after: 'U1' }), [])
    t.match(await mdmCommands.next('U1', fresh), { uuid: 'c1', state: 'sent', attempts: 2 })
  })

  t.test('limits: a full queue, a device that is not enrolled, a wipe that waits already', async (t) => {
    const store = await open(t)
    const { mdmCommands, enrollments, audit } = store
    t.equal(await mdmCommands.enqueue(command('c1'), admin), 'unknown')
    await enroll(store, 'U1')
    t.equal(await mdmCommands.enqueue(command('c1', { once: true }), admin), 'queued')
    t.equal(await mdmCommands.enqueue(command('c2', { once: true }), admin), 'waiting')
    t.equal(await mdmCommands.enqueue(command('c2'), admin, 1), 'full')
    await enrollments.end('U1', 'leaving', admin)
    t.equal((await mdmCommands.get('c1'))?.state, 'cancelled')
    const told = (await audit.list({ subject: 'U1', limit: 99 })).filter((one) => one.why === admin.why)
    t.match(told, [
      { action: 'command.queued' },
      { action: 'command.cancelled' },
      { action: 'enrollment.ended' },
    ])
    t.equal(await mdmCommands.enqueue(command('c3'), admin), 'unknown')
    t.equal(await mdmCommands.next('U1', fresh), undefined)
  })

  t.test('expired commands are passed over and say so; a waiting one can be taken back', async (t) => {
    const store = await open(t)
    const { mdmCommands, audit } = store
    await enroll(store, 'U1')
    await mdmCommands.enqueue(command('c1', { expiresAt: start + 10 }), admin)
    await mdmCommands.enqueue(command('c2'), admin)
    await mdmCommands.enqueue(command('c3', { renewal: true }), admin)
    t.match(await mdmCommands.next('U1', { ...fresh, renewalOnly: true }), { uuid: 'c3' })
    t.equal((await mdmCommands.get('c1'))?.state, 'expired')
    t.match(await mdmCommands.next('U1', fresh), { uuid: 'c2' })
    t.equal(await mdmCommands.cancel('c2', admin), true)
    const events = (await audit.list({ subject: 'U1', limit: 99 })).slice(-2)
    t.match(events, [
      { action: 'command.finished', details: { command: 'c1', state: 'expired' } },
      { action: 'command.cancelled', actor: 'root', why: admin.why, details: { command: 'c2' } },
    ])
    t.equal(await mdmCommands.cancel('c2', admin), false)
    t.equal(await mdmCommands.report(report('c2', 'acknowledged')), undefined)
    t.equal((await mdmCommands.get('c2'))?.state, 'cancelled')
  })

  t.test('what the service asks again and again is not in the audit log', async (t) => {
    const store = await open(t)
    const { mdmCommands, audit } = store
    await enroll(store, 'U1')
    const before = (await audit.list({ subject: 'U1', limit: 99 })).length
    await mdmCommands.enqueue(command('c1', { routine: true }), admin)
    await mdmCommands.next('U1', fresh)
    await mdmCommands.report(report('c1', 'acknowledged'))
    t.equal((await audit.list({ subject: 'U1', limit: 99 })).length, before)
  })

  t.test('an answer that is larger than what is kept ends its command all the same', async (t) => {
    const store = await open(t)
    const { mdmCommands } = store
    await enroll(store, 'U1')
    await mdmCommands.enqueue(command('c1'), admin)
    await mdmCommands.next('U1', fresh)
    const body = Buffer.alloc(256 * 1024 + 1)
    t.match(await mdmCommands.report(report('c1', 'acknowledged', { body })), { state: 'acknowledged' })
    t.equal(await mdmCommands.result('c1'), undefined)
  })

  t.test('the newest 50 finished commands of a device stay, and what waits however old', async (t) => {
    const store = await open(t)
    const { mdmCommands } = store
    await enroll(store, 'U1')
    await mdmCommands.enqueue(command('old', { routine: true }), admin)
    await mdmCommands.next('U1', fresh)
    await mdmCommands.report(report('old', 'not-now'))
    for (let index = 1; index <= 52; index++) {
      await mdmCommands.enqueue(command(`c${index}`, { routine: true }), admin)
      await mdmCommands.next('U1', within)
      await mdmCommands.report(report(`c${index}`, 'acknowledged'))
    }
    const kept = await mdmCommands.list({ enrollment: 'U1', limit: 999 })
    t.strictSame([kept.length, kept.at(0)?.uuid, kept.at(-2)?.uuid], [51, 'c52', 'c3'])
    t.match(kept.at(-1), { uuid: 'old', state: 'not-now' })
  })
}
