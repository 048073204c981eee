import t from 'tap'
import { startMatrix } from '../../sim/matrix.ts'
import { eventually } from '../helpers/eventually.ts'
import { simulated } from '../helpers/simulation.ts'

const api = '/_matrix/client/v3'

async function login(
  url: string,
  more: object = {},
): Promise<{ status: number; body: Record<string, string> }> {
  const identifier = { type: 'm.id.user', user: 'alice' }
  const body = JSON.stringify({ type: 'm.login.password', identifier, password: 'wonderland', ...more })
  const answer = await fetch(`${url}${api}/login`, { method: 'POST', body })
  return { status: answer.status, body: (await answer.json()) as Record<string, string> }
}

function bearer(token: string | undefined): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}

t.test('the client chooses its device, and the token says which it is', async (t) => {
  const { url } = await simulated(t, startMatrix, {})
  const { body } = await login(url, { device_id: 'PHONE' })
  t.match(body, { user_id: '@alice:matrix.localhost', device_id: 'PHONE', refresh_token: undefined })
  const whoami = await fetch(`${url}${api}/account/whoami`, { headers: bearer(body.access_token) })
  t.strictSame(await whoami.json(), { user_id: '@alice:matrix.localhost', device_id: 'PHONE' })
  t.match((await login(url)).body.device_id, /^[0-9A-F]{10}$/)
})

t.test('a wrong password is forbidden, a token that nobody gave is unknown', async (t) => {
  const { url } = await simulated(t, startMatrix, {})
  t.match(await login(url, { password: 'nope' }), { status: 403, body: { errcode: 'M_FORBIDDEN' } })
  const sync = await fetch(`${url}${api}/sync`, { headers: bearer('syt_made-up') })
  t.match(await sync.json(), { errcode: 'M_UNKNOWN_TOKEN', soft_logout: false })
})

t.test('an access token that ran out is exchanged with the refresh token, once', async (t) => {
  let now = 1_000_000
  const { url } = await simulated(t, startMatrix, { now: () => now })
  const { body } = await login(url, { refresh_token: true })
  now += 10 * 60 * 1000
  const late = await fetch(`${url}${api}/account/whoami`, { headers: bearer(body.access_token) })
  t.match(await late.json(), { soft_logout: true })
  const refresh = () => {
    const refreshToken = JSON.stringify({ refresh_token: body.refresh_token })
    return fetch(`${url}${api}/refresh`, { method: 'POST', body: refreshToken })
  }
  const next = (await (await refresh()).json()) as Record<string, string>
  const whoami = await fetch(`${url}${api}/account/whoami`, { headers: bearer(next.access_token) })
  t.equal(whoami.status, 200)
  t.equal((await refresh()).status, 401)
})

t.test('sync waits until something happens', async (t) => {
  const homeserver = await simulated(t, startMatrix, {})
  const { body } = await login(homeserver.url)
  const ask = `${homeserver.url}${api}/sync?timeout=600000`
  const sync = fetch(ask, { headers: bearer(body.access_token) })
  await eventually(() => homeserver.waiting === 1)
  homeserver.deliver('alice')
  t.equal((await sync).status, 200)
})

t.test('a room is named as it stood on the wire', async (t) => {
  const { url } = await simulated(t, startMatrix, {})
  const { body } = await login(url)
  const room = '%21a%2Fb%3Amatrix.localhost'
  const answer = await fetch(`${url}${api}/rooms/${room}/messages`, { headers: bearer(body.access_token) })
  t.match(await answer.json(), { room })
})
