import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { sessionCookie, startCollaboration } from '../../sim/collaboration.ts'
import { chromium } from '../helpers/chromium.ts'
import { eventually } from '../helpers/eventually.ts'
import { simulated } from '../helpers/simulation.ts'

async function signIn(url: string, password = 'wonderland'): Promise<Response> {
  const body = new URLSearchParams({ username: 'alice', password })
  return fetch(`${url}/login`, { method: 'POST', body, redirect: 'manual' })
}

async function cookieOf(url: string): Promise<string> {
  return (await signIn(url)).headers.get('set-cookie')?.split(';')[0] ?? ''
}

t.test(
  'the right password signs in with a redirect and a session cookie, a wrong one does not',
  async (t) => {
    const { url } = await simulated(t, startCollaboration, {})
    const right = await signIn(url)
    t.equal(right.status, 302)
    t.match(right.headers.get('set-cookie'), new RegExp(`^${sessionCookie}=[0-9a-f]{32}; Path=/; HttpOnly`))
    const wrong = await signIn(url, 'nope')
    t.equal(wrong.status, 401)
    t.equal(wrong.headers.get('set-cookie'), null)
  },
)

t.test('messages need a session, which ends with the sign-out', async (t) => {
  const { url } = await simulated(t, startCollaboration, {})
  t.equal((await fetch(`${url}/api/messages`)).status, 401)
  const headers = { cookie: await cookieOf(url) }
  t.equal((await fetch(`${url}/api/messages`, { headers })).status, 200)
  await fetch(`${url}/logout`, { headers, redirect: 'manual' })
  t.equal((await fetch(`${url}/api/messages`, { headers })).status, 401)
})

t.test('what one says reaches WebSocket, event stream and long poll of the others', async (t) => {
  const { url } = await simulated(t, startCollaboration, {})
  const headers = { cookie: await cookieOf(url) }
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { headers })
  t.teardown(() => socket.terminate())
  await once(socket, 'message')
  const events = await fetch(`${url}/api/events`, { headers })
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader()
  await reader.read()
  const poll = fetch(`${url}/api/poll?timeout=60`, { headers })
  // The poll has no sign of having begun: say something until it hears it.
  const said = JSON.stringify({ text: 'hello' })
  const heard = once(socket, 'message')
  await eventually(async () => {
    await fetch(`${url}/api/messages`, { method: 'POST', headers, body: said })
    return Promise.race([poll, false])
  })
  t.match(String((await heard)[0]), '"text":"hello"')
  t.match((await reader.read()).value, /data: .*"text":"hello"/)
  t.match(await (await poll).json(), { messages: [{ from: 'alice', text: 'hello' }] })
  await reader.cancel()
})

t.test('a WebSocket without a session is refused', async (t) => {
  const { url } = await simulated(t, startCollaboration, {})
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`)
  await t.rejects(once(socket, 'open'), /401/)
})

t.test('a file comes back as it went up', async (t) => {
  const { url } = await simulated(t, startCollaboration, {})
  const headers = { cookie: await cookieOf(url) }
  const body = Buffer.alloc(300_000, 'gatehouse')
  const up = await fetch(`${url}/api/files/plan`, { method: 'PUT', headers, body })
  t.match(await up.json(), { bytes: 300_000 })
  const down = await fetch(`${url}/api/files/plan`, { headers })
  t.ok(Buffer.from(await down.arrayBuffer()).equals(body))
})

t.test('in a browser one signs in, writes, and reads what was written', async (t) => {
  const { url } = await simulated(t, startCollaboration, {})
  const page = await (await chromium(t)).newPage()
  await page.goto(url)
  await page.getByLabel('User name').fill('alice')
  await page.getByLabel('Password').fill('wonderland')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByPlaceholder('Write a message').fill('Hi <b>all</b>')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('Hi <b>all</b>').waitFor()
  t.match(await page.locator('#messages').innerText(), /alice Hi <b>all<\/b>/)
})

t.test('a browser may come from another address of this machine', async (t) => {
  const simulation = await simulated(t, startCollaboration, {})
  const addresses: (string | undefined)[] = []
  simulation.server.on('connection', (socket) => addresses.push(socket.remoteAddress))
  const page = await (await chromium(t, { localAddress: '127.20.0.5' })).newPage()
  await page.goto(`${simulation.url.replace('127.0.0.1', 'localhost')}/login`)
  t.ok(addresses.includes('127.20.0.5'), addresses.join())
})
