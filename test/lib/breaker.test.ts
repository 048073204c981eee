import t from 'tap'
import { createBreaker, type Ticket } from '../../src/lib/breaker.ts'

function breaker(failures = 3) {
  const clock = { now: 1000 }
  const changes: boolean[] = []
  const made = createBreaker({
    failures,
    retryAfterMs: 100,
    now: () => clock.now,
    onChange: (open) => changes.push(open),
  })
  const admitted = (): Ticket => {
    const ticket = made.admit()
    if (ticket === undefined) throw new Error('refused')
    return ticket
  }
  const fail = () => made.failed(admitted())
  return { made, clock, changes, admitted, fail }
}

t.test('so many failures in a row open it, and it says so once', async (t) => {
  const { made, changes, admitted, fail } = breaker()
  fail()
  fail()
  made.succeeded(admitted())
  fail()
  fail()
  t.equal(made.open, false, 'a success between them counts')
  fail()
  t.equal(made.open, true)
  t.equal(made.admit(), undefined)
  t.strictSame(changes, [true])
})

t.test('while it is open, one call at a time tries whether there is an answer again', async (t) => {
  const { made, clock, changes, admitted, fail } = breaker(1)
  fail()
  clock.now += 99
  t.equal(made.admit(), undefined)
  clock.now += 1
  const first = admitted()
  t.equal(made.admit(), undefined, 'one probe')
  clock.now += 50
  made.failed(first)
  clock.now += 99
  t.equal(made.admit(), undefined, 'the wait begins when the probe has failed')
  clock.now += 1
  made.succeeded(admitted())
  t.equal(made.open, false)
  t.strictSame(changes, [true, false])
})

t.test('a probe that nobody hears of again does not keep it open for ever', async (t) => {
  const { made, clock, admitted, fail } = breaker(1)
  fail()
  clock.now += 100
  const lost = admitted()
  clock.now += 100
  const next = admitted()
  made.succeeded(lost)
  t.equal(made.open, true, 'its late outcome no longer counts')
  made.succeeded(next)
  t.equal(made.open, false)
})

t.test('the outcome of calls that began before it opened changes nothing', async (t) => {
  const { made, clock, admitted, fail } = breaker(2)
  const slow = [admitted(), admitted(), admitted()] as const
  fail()
  fail()
  made.succeeded(slow[0])
  t.equal(made.open, true)
  clock.now += 100
  const probe = admitted()
  made.failed(slow[1])
  made.succeeded(probe)
  t.equal(made.open, false)
  made.failed(slow[2])
  fail()
  t.equal(made.open, false, 'an old failure is not one of the new row')
})
