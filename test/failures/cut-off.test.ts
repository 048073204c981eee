import t from 'tap'
import { everyChange, longConversations } from './long-conversations.ts'
import { isUnwell, site } from './support.ts'

t.test(
  'on two machines, a device’s connections end in every process, with Redis and while it is away',
  async (t) => {
    const one = await site(t, { machines: 2, upstream: await longConversations(t) })
    await everyChange(t, one)
    await one.redis.kill()
    for (const { gateway } of one.machines) await isUnwell(gateway, 'redis')
    await everyChange(t, one)
  },
)
