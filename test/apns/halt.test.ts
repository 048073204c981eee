import t from 'tap'
import { Halts } from '../../src/apns/halt.ts'

t.test('nobody is pushed to for half an hour, however the clock is set meanwhile', async (t) => {
  const clock = { now: 1_000_000_000 }
  const halts = new Halts({ now: () => clock.now, onCondition() {} })
  const isHalted = () => clock.now < (halts.present?.until ?? 0)
  halts.halt('403 BadCertificate')
  t.ok(isHalted())
  clock.now += 29 * 60_000
  t.ok(isHalted())
  clock.now += 60_000
  t.notOk(isHalted())
  halts.halt('403 BadCertificate')
  clock.now -= 6 * 3_600_000
  t.notOk(isHalted(), 'one push tries again, not only six hours later')
  halts.halt('403 BadCertificate')
  t.ok(isHalted())
})
