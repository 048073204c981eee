import t from 'tap'
import { startLync } from '../../sim/lync.ts'
import { eventually } from '../helpers/eventually.ts'
import { run } from '../helpers/run.ts'
import { simulated } from '../helpers/simulation.ts'

async function ticket(url: string): Promise<{ authorization: string }> {
  const body = new URLSearchParams({
    grant_type: 'password',
    username: 'alice@example.com',
    password: 'wonderland',
  })
  const answer = await fetch(`${url}/WebTicket/oauthtoken`, { method: 'POST', body })
  const { access_token } = (await answer.json()) as { access_token: string }
  return { authorization: `Bearer ${access_token}` }
}

t.test('discovery leads to the user link, and that to the ticket service', async (t) => {
  const { url } = await simulated(t, startLync, {})
  const root = (await (await fetch(`${url}/?sipuri=alice@example.com`)).json()) as {
    _links: { user: { href: string } }
  }
  const user = new URL(root._links.user.href).pathname
  const answer = await fetch(url + user)
  t.equal(answer.status, 401)
  t.match(answer.headers.get('www-authenticate'), 'MsRtcOAuth href="https://')
  const links = await fetch(url + user, { headers: await ticket(url) })
  t.match(await links.json(), { _links: { applications: { href: '/ucwa/oauth/v1/applications' } } })
})

t.test('discovery speaks XML to whom asks for it', async (t) => {
  const { url } = await simulated(t, startLync, {})
  const accept = 'application/vnd.microsoft.rtc.autodiscover+xml;v=1'
  t.match(await (await fetch(url, { headers: { accept } })).text(), '<Link token="User" href="https://')
})

t.test('a wrong password gets no ticket', async (t) => {
  const { url } = await simulated(t, startLync, {})
  const body = new URLSearchParams({ grant_type: 'password', username: 'alice', password: 'nope' })
  const answer = await fetch(`${url}/WebTicket/oauthtoken`, { method: 'POST', body })
  t.match([answer.status, await answer.json()], [400, { error: 'invalid_grant' }])
})

t.test('a ticket is also given to whom NTLM signs in', async (t) => {
  const { url } = await simulated(t, startLync, {})
  const form = ['-d', 'grant_type=urn:microsoft.rtc:windows', `${url}/WebTicket/oauthtoken`]
  const { stdout } = await run(t, ['curl', '-s', '--ntlm', '-u', 'bob:builder', ...form])
  t.match(stdout, '"access_token":"cwt=')
})

t.test('an application waits for events, and only its own user may', async (t) => {
  const lync = await simulated(t, startLync, {})
  const headers = await ticket(lync.url)
  const application = JSON.stringify({ EndpointId: 'e-1', UserAgent: 'test', Culture: 'en-US' })
  const create = { method: 'POST', headers, body: application }
  const created = await fetch(`${lync.url}/ucwa/oauth/v1/applications`, create)
  t.equal(created.status, 201)
  const events = `${lync.url}${created.headers.get('location')}/events?ack=1`
  const abort = new AbortController()
  const poll = fetch(`${events}&timeout=900`, { headers, signal: abort.signal })
  await eventually(() => lync.waiting === 1)
  abort.abort()
  await t.rejects(poll)
  await eventually(() => lync.waiting === 0)
  t.equal((await fetch(`${events}&timeout=0`, { headers })).status, 200)
  t.equal((await fetch(events)).status, 401)
})
