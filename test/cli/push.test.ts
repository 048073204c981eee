import t from 'tap'
import { enroll } from '../store/contract/enrollments.ts'
import { installation, json } from './support.ts'

t.test('devices are woken by id or serial number, all that are named or none', async (t) => {
  const { here, openStore } = installation(t)
  const store = await openStore()
  await enroll(store, 'U1')
  t.match(await here('push', 'U1', 'U9', '--why', 'sleeps'), { code: 1, stderr: /no enrollment U9/ })
  const asked = async () =>
    (await store.audit.list({ subject: 'U1', limit: 9 })).filter(({ action }) => action === 'push.requested')
  t.strictSame(await asked(), [], 'a mistake wakes nobody')
  t.match(await here('push', 'SERIALU1'), { code: 0, stdout: /^U1: / })
  const { pushes } = json(await here('push', 'SERIALU1', '--why', 'sleeps', '--json'))
  t.match(pushes, [{ enrollment: 'U1', pushable: true }])
  t.match(await asked(), [{ why: 'sleeps' }])
  t.match(await here('push'), { code: 2 })
})
