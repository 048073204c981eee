import t from 'tap'
import type { IssuedCertificate } from '../../../src/domain/issued-certificate.ts'
import type { CommandState, MdmCommand } from '../../../src/domain/mdm-command.ts'
import { type RenewalSituation, renewalStep } from '../../../src/enrollment/renewal/step.ts'
import type { Renewal } from '../../../src/store/renewal-ports.ts'

const hour = 60 * 60 * 1000
const day = 24 * hour
const end = 1_800_000_000_000
const settings = { renewBefore: 73 * day, renewalGrace: 90 * day }
// The parts of it that count here.
const identity = { serial: 'A1', notAfter: end } as IssuedCertificate

function situation(now: number, changes: Partial<RenewalSituation> = {}): RenewalSituation {
  const nothing = { renewal: undefined, command: undefined, lastSeenAt: now }
  return { identity, settings, now, newEnd: now + 365 * day, ...nothing, ...changes }
}

function sent(changes: Partial<Renewal> = {}): Renewal {
  return {
    ...{ enrollment: 'U1', serial: 'A1', state: 'sent', command: 'C1', attempts: 0, at: end - 10 * day },
    ...changes,
  }
}

function command(state: CommandState, changes: Partial<MdmCommand> = {}): MdmCommand {
  return {
    ...{ uuid: 'C1', enrollment: 'U1', requestType: 'InstallProfile', state, sequence: 1, renewal: true },
    ...{ queuedAt: end - 10 * day, queuedBy: 'enrollment', attempts: 1, errors: [] },
    expiresAt: end - 3 * day,
    ...changes,
  }
}

t.test('an identity is renewed from its time on until its grace is over', async (t) => {
  t.equal(renewalStep(situation(end - 73 * day - 1)).kind, 'wait')
  t.equal(renewalStep(situation(end - 73 * day)).kind, 'send')
  t.equal(renewalStep(situation(end + 89 * day)).kind, 'send')
  const late = renewalStep(situation(end + 90 * day))
  t.match(late, { kind: 'fail', error: /enrolled anew/, dueAt: undefined })
  const told = sent({ state: 'failed', error: 'too late' })
  t.equal(renewalStep(situation(end + 91 * day, { renewal: told })).kind, 'wait', 'told once')
  t.equal(renewalStep(situation(end, { renewal: told })).kind, 'wait', 'nothing is due')
  const former = sent({ state: 'failed', serial: 'A0', dueAt: end + day })
  t.equal(renewalStep(situation(end, { renewal: former })).kind, 'send', 'that was of the one before')
})

t.test(
  'what waits in a queue is not made again, but for a device that has come too late for it',
  async (t) => {
    const now = end - 2 * day
    const waiting = { renewal: sent(), command: command('queued') }
    t.equal(renewalStep(situation(end - 5 * day, waiting)).kind, 'wait')
    t.equal(
      renewalStep(situation(now, { ...waiting, lastSeenAt: end - 30 * day })).kind,
      'wait',
      'it never comes',
    )
    t.strictSame(renewalStep(situation(now, waiting)), { kind: 'send', cancel: 'C1' })
    t.equal(renewalStep(situation(now, { renewal: sent(), command: command('expired') })).kind, 'send')
    t.equal(renewalStep(situation(now, { renewal: sent() })).kind, 'send', 'a crash lay between')
  },
)

t.test('what has failed is tried again an hour later, after four, and daily', async (t) => {
  const now = end - 5 * day
  const waits = [0, 1, 2, 9].map((attempts) => {
    const step = renewalStep(
      situation(now, { renewal: sent({ attempts }), command: command('error', { finishedAt: now }) }),
    )
    return step.kind === 'fail' && (step.dueAt ?? 0) - now
  })
  t.strictSame(waits, [hour, 4 * hour, 16 * hour, 24 * hour])
  const failed = sent({ state: 'failed', error: 'no', dueAt: now + 1 })
  t.equal(renewalStep(situation(now, { renewal: failed })).kind, 'wait')
  t.equal(renewalStep(situation(now + 1, { renewal: failed })).kind, 'send')
  t.match(renewalStep(situation(now, { renewal: sent(), command: command('cancelled') })), { kind: 'fail' })
})

t.test('a device that has installed the profile must soon speak with its new identity', async (t) => {
  const now = end - 5 * day
  const installed = (ago: number) => ({
    renewal: sent(),
    command: command('acknowledged', { finishedAt: now - ago }),
  })
  t.equal(renewalStep(situation(now, installed(hour - 1))).kind, 'wait')
  t.match(renewalStep(situation(now, installed(hour))), { kind: 'fail', error: /old certificate/ })
})

t.test('nothing is renewed for nothing: a CA that ends gives no longer life', async (t) => {
  const now = end - 5 * day
  t.equal(renewalStep(situation(now, { newEnd: end })).kind, 'pointless')
  t.equal(renewalStep(situation(now, { newEnd: end + 30 * day })).kind, 'pointless')
  t.equal(renewalStep(situation(now, { newEnd: undefined })).kind, 'send')
})

t.test('what a server behind issues for a short time is renewed at half of that', async (t) => {
  const short = { ...identity, notBefore: end - 60 * day }
  const at = (now: number) => renewalStep(situation(now, { identity: short, newEnd: undefined })).kind
  t.equal(at(end - 30 * day - 1), 'wait', 'else without end')
  t.equal(at(end - 30 * day), 'send')
})

t.test('what was done about a former identity does not count', async (t) => {
  const former = sent({ serial: 'A0' })
  t.equal(renewalStep(situation(end - day, { renewal: former, command: command('queued') })).kind, 'send')
})
