import t from 'tap'
import { everyChange, longConversations } from './long-conversations.ts'
import { site } from './support.ts'

t.test('on two machines without Redis, a device’s connections end in every process', async (t) => {
  await everyChange(t, await site(t, { machines: 2, redis: false, upstream: await longConversations(t) }))
})
