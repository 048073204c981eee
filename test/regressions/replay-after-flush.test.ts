import t from 'tap'
import { chatBehindGateway } from '../helpers/chat.ts'
import { appPolicy, companyApp, phoneOf } from '../helpers/company-app.ts'
import { startRedis } from '../helpers/redis.ts'

/**
 * A Redis that was flushed knows none of the nonces that were used before: a recorded first contact was answered a second
 * time, with links of its own.
 */
t.test(
  'what was signed before Redis was flushed is refused, and what is signed afterwards taken',
  async (t) => {
    let ahead = 0
    const now = () => Date.now() + ahead
    const redis = await startRedis(t)
    const app = companyApp(t)
    const settings = `${app.section}\nredis: "${redis.url}"`
    const { gateway } = await chatBehindGateway(t, { settings, policy: appPolicy, now })
    const phone = phoneOf(gateway, app.packageKey, { now })
    const url = new URL(`https://register.localhost:${gateway.tls}/.gatehouse/app/register`)
    const body = phone.contact()
    const headers = { 'content-type': 'application/json', ...phone.signContact(url, body) }
    const send = () => phone.send('POST', url, headers, body)
    t.equal((await send()).status, 200)
    ahead += 2_000
    await redis.flush()
    t.match(await send(), { status: 403, body: /"app.replayed"/ })
    ahead += 2_000
    t.match(await send(), { status: 403, body: /"app.replayed"/ }, 'whenever it comes')
    t.equal((await phone.register()).status, 200)
  },
)
