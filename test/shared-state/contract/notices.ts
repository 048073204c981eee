import type { Test } from 'tap'
import type { Notices } from '../../../src/shared-state/ports.ts'
import { eventually } from '../../helpers/eventually.ts'

/** Two views of the same notices: of two processes, where there can be two. */
export type OpenNotices = (t: Test) => Promise<readonly [Notices, Notices]>

export function noticesContract(t: Test, open: OpenNotices): void {
  t.test('an announcement reaches every listener, until it has had enough', async (t) => {
    const [announcer, other] = await open(t)
    const heard = { here: 0, there: 0 }
    announcer.onNotice(() => heard.here++)
    const end = other.onNotice(() => heard.there++)
    await eventually(async () => {
      await announcer.announce()
      return heard.here > 0 && heard.there > 0
    })
    end()
    const before = heard.there
    const { here } = heard
    await announcer.announce()
    await eventually(() => heard.here > here)
    t.equal(heard.there, before)
  })
}
