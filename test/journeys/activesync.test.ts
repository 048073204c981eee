import { once } from 'node:events'
import { Agent, request } from 'node:https'
import t, { type Test } from 'tap'
import { startActiveSync } from '../../sim/activesync.ts'
import { pingRequest } from '../../sim/wbxml.ts'
import { internet, vpn, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import {
  evaluationLikePolicy,
  type GatewayUnderTest,
  gatewayUnderTest,
} from '../helpers/gateway-under-test.ts'
import { ask, type ClientAnswer } from '../helpers/http-client.ts'
import { ntlmOpening, ntlmProof } from '../helpers/ntlm-client.ts'
import { registrationHost, useRegistrationPort } from '../helpers/registration-address.ts'
import { simulated } from '../helpers/simulation.ts'

const passwords = { alice: 'wonderland', bob: 'builder' }
type Person = keyof typeof passwords
const mailHost = 'mail.localhost'

async function mailBehindGateway(t: Test, authentication: 'basic' | 'ntlm' = 'basic') {
  const mail = await simulated(t, startActiveSync, { authentication })
  const gateway = await gatewayUnderTest(t, {
    services: `  - { name: mail, hosts: [${mailHost}], upstream: ["${mail.url}"], client: activesync }`,
  })
  await useRegistrationPort(gateway)
  return { mail, gateway }
}

interface Asked {
  readonly from: string
  readonly host?: string
  readonly cmd?: string
  /** Whom the query names; default: whose credentials they are. */
  readonly named?: string
  readonly device?: string
  readonly password?: string
  /** Instead of the plain form. */
  readonly query?: string
  readonly agent?: Agent
  readonly authorization?: string | undefined
}

/** One command of this person's phone. */
function command(gateway: GatewayUnderTest, person: Person, asked: Asked): Promise<ClientAnswer> {
  const {
    named = person,
    device = `${person}phone`,
    cmd = 'FolderSync',
    password = passwords[person],
  } = asked
  const query = asked.query ?? `Cmd=${cmd}&User=${named}&DeviceId=${device}&DeviceType=iPhone`
  const authorization = 'authorization' in asked ? asked.authorization : basic(person, password)
  return ask({
    port: gateway.tls,
    host: asked.host ?? mailHost,
    ca: gateway.ca,
    from: asked.from,
    method: 'POST',
    path: `/Microsoft-Server-ActiveSync?${query}`,
    headers: { 'user-agent': 'Apple-iPhone14C5/2102.86', ...(authorization && { authorization }) },
    ...(asked.agent && { agent: asked.agent }),
  })
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

async function registered(gateway: GatewayUnderTest) {
  return (await gateway.openStore()).registrations.list({ limit: 10 })
}

t.test(
  'an unknown phone is sent to the VPN address, registers there, and is sent back for good',
  async (t) => {
    const { mail, gateway } = await mailBehindGateway(t)
    const sent = await command(gateway, 'alice', { from: internet })
    t.equal(sent.status, 451)
    t.equal(
      sent.headers['x-ms-location'],
      `https://${registrationHost}:${gateway.tls}/Microsoft-Server-ActiveSync`,
    )
    t.equal(mail.requests.length, 0, 'nothing reached the server')

    const there = await command(gateway, 'alice', { from: vpn, host: registrationHost })
    t.equal(there.status, 200)
    t.match(there.body, 'Inbox')
    const back = await command(gateway, 'alice', { from: vpn, host: registrationHost })
    t.equal(back.status, 451)
    t.equal(back.headers['x-ms-location'], `https://${mailHost}:${gateway.tls}/Microsoft-Server-ActiveSync`)

    const synced = await command(gateway, 'alice', { from: internet })
    t.equal(synced.status, 200)
    t.equal(synced.headers['x-signed-in-as'], 'alice')
    t.match(await registered(gateway), [
      { registration: { user: 'alice', networks: ['vpn'], device: { type: 'iPhone', platform: 'ios' } } },
    ])
  },
)

t.test('who is at the VPN address without the VPN is told so, and not sent in a circle', async (t) => {
  const { mail, gateway } = await mailBehindGateway(t)
  const answer = await command(gateway, 'alice', { from: internet, host: registrationHost })
  t.equal(answer.status, 403)
  t.match(answer.body, 'not connected to the network')
  t.equal(mail.requests.length, 0)
})

t.test(
  'where the policy has no address to go to, an unknown phone gets a 403 that wipes nothing',
  async (t) => {
    const { mail, gateway } = await mailBehindGateway(t)
    await useRegistrationPort(
      gateway,
      'networks: { vpn: [127.30.0.0/16] }\nregistration: [{ name: VPN, when: { network: vpn }, then: allow }]\naccess: [{ name: All, then: allow }]\n',
    )
    for (const asked of [{}, { authorization: undefined }, { cmd: 'Provision' }, { password: 'guess' }]) {
      const answer = await command(gateway, 'alice', { from: internet, ...asked })
      t.equal(answer.status, 403)
      t.match(answer.headers['content-type'], 'text/plain')
      t.notOk(answer.headers['www-authenticate'])
    }
    t.equal(mail.requests.length, 0)
  },
)

t.test('when the policy asks for the VPN at every sign-in, a phone stays at the VPN address', async (t) => {
  const { gateway } = await mailBehindGateway(t)
  await useRegistrationPort(
    gateway,
    evaluationLikePolicy.replace(
      'access:',
      `access:
  - { name: Over the VPN, when: { signIn: true, not: { network: vpn } }, then: { redirect: "https://register.localhost" } }`,
    ),
  )
  for (let i = 0; i < 3; i++) {
    t.equal((await command(gateway, 'alice', { from: internet })).status, 451)
    t.equal((await command(gateway, 'alice', { from: vpn, host: registrationHost })).status, 200)
  }
})

t.test('a wrong password from the certificate Wi-Fi registers nothing', async (t) => {
  const { gateway } = await mailBehindGateway(t)
  const answer = await command(gateway, 'alice', { from: wifi, password: 'guess' })
  t.equal(answer.status, 401, 'the server’s own answer')
  t.strictSame(await registered(gateway), [])
})

t.test('another user’s password does not open a registered phone, whoever the query names', async (t) => {
  const { mail, gateway } = await mailBehindGateway(t)
  await command(gateway, 'alice', { from: wifi })
  const reached = mail.requests.length
  const named = await command(gateway, 'bob', { from: internet, named: 'alice', device: 'alicephone' })
  t.equal(named.status, 403)
  const own = await command(gateway, 'bob', { from: internet, device: 'alicephone' })
  t.equal(own.status, 451, 'bob has no such phone')
  const silent = await command(gateway, 'bob', {
    from: internet,
    query: 'Cmd=FolderSync&DeviceId=alicephone&DeviceType=iPhone',
  })
  t.equal(silent.status, 451)
  t.equal(mail.requests.length, reached, 'none of them reached the server')
})

t.test('two people share a phone: each account registers by itself', async (t) => {
  const { gateway } = await mailBehindGateway(t)
  const shared = { device: 'sharedphone' }
  t.equal((await command(gateway, 'alice', { from: wifi, ...shared })).status, 200)
  t.equal((await command(gateway, 'bob', { from: internet, ...shared })).status, 451)
  t.equal((await command(gateway, 'bob', { from: wifi, ...shared })).status, 200)
  t.equal((await command(gateway, 'bob', { from: internet, ...shared })).headers['x-signed-in-as'], 'bob')
  t.equal((await command(gateway, 'alice', { from: internet, ...shared })).headers['x-signed-in-as'], 'alice')
})

t.test('the base64 query names the same phone as the plain one', async (t) => {
  const { gateway } = await mailBehindGateway(t)
  const query = 'jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l'
  t.equal((await command(gateway, 'alice', { from: wifi, query })).status, 200)
  t.equal((await command(gateway, 'alice', { from: internet, query })).status, 200)
  t.equal((await command(gateway, 'alice', { from: internet, device: 'v140Device' })).status, 200)
  t.match(await registered(gateway), [
    { registration: { device: { claimedId: /v140device/i, type: 'SmartPhone' } } },
  ])
})

t.test('a query that names two phones is refused', async (t) => {
  const { mail, gateway } = await mailBehindGateway(t)
  const query = 'Cmd=Sync&User=alice&DeviceId=a&DeviceId=b&DeviceType=iPhone'
  t.equal((await command(gateway, 'alice', { from: wifi, query })).status, 400)
  t.equal(mail.requests.length, 0)
})

t.test('a Ping waits until there is mail; a block cuts one that waits', async (t) => {
  const { mail, gateway } = await mailBehindGateway(t)
  await command(gateway, 'alice', { from: wifi })
  const first = parkPing(gateway)
  await eventually(() => mail.waiting === 1)
  mail.deliver('alice')
  t.equal(await first, 200)

  const second = parkPing(gateway)
  await eventually(() => mail.waiting === 1)
  const store = await gateway.openStore()
  const [phone] = await store.registrations.list({ user: 'alice', limit: 1 })
  const by = { name: 'admin', why: 'lost', at: Date.now() }
  await store.registrations.block(phone?.registration.id ?? '', by)
  t.equal(await second, 'ECONNRESET')
  await eventually(() => mail.waiting === 0)
  t.equal((await command(gateway, 'alice', { from: internet })).status, 403)
})

/** @returns the answer's status, or the error's code when there is none */
async function parkPing(gateway: GatewayUnderTest): Promise<number | string | undefined> {
  const ping = request({
    host: '127.0.0.1',
    port: gateway.tls,
    localAddress: internet,
    servername: mailHost,
    ca: gateway.ca,
    agent: false,
    method: 'POST',
    path: '/Microsoft-Server-ActiveSync?Cmd=Ping&User=alice&DeviceId=alicephone&DeviceType=iPhone',
    headers: { host: `${mailHost}:${gateway.tls}`, authorization: basic('alice', passwords.alice) },
  })
  ping.end(pingRequest(900))
  try {
    const [answer] = await once(ping, 'response')
    answer.resume()
    return answer.statusCode
  } catch (error) {
    return (error as NodeJS.ErrnoException).code // what a request fails with
  }
}

/** A phone that signs its one connection in by NTLM, as IIS knows it. */
class NtlmPhone {
  readonly agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #gateway: GatewayUnderTest
  readonly #person: Person
  readonly #from: string

  constructor(gateway: GatewayUnderTest, person: Person, from: string) {
    this.#gateway = gateway
    this.#person = person
    this.#from = from
  }

  ask(authorization?: string): Promise<ClientAnswer> {
    return command(this.#gateway, this.#person, { from: this.#from, agent: this.agent, authorization })
  }

  async signIn(): Promise<ClientAnswer> {
    const opened = await this.ask(`NTLM ${ntlmOpening()}`)
    const challenge = /NTLM (\S+)/.exec(String(opened.headers['www-authenticate']))?.[1]
    if (challenge === undefined) throw new Error(`no challenge but ${opened.status} ${opened.body}`)
    const account = { domain: 'EXAMPLE', user: this.#person, password: passwords[this.#person] }
    return this.ask(`NTLM ${ntlmProof(challenge, account)}`)
  }

  hangUp(): void {
    this.agent.destroy()
  }
}

function ntlmPhone(t: Test, gateway: GatewayUnderTest, person: Person, from: string): NtlmPhone {
  const phone = new NtlmPhone(gateway, person, from)
  t.teardown(() => phone.hangUp())
  return phone
}

t.test('NTLM: phones that sign their connections in stay the users that they signed in as', async (t) => {
  const { mail, gateway } = await mailBehindGateway(t, 'ntlm')
  const alice = ntlmPhone(t, gateway, 'alice', wifi)
  const bob = ntlmPhone(t, gateway, 'bob', wifi)
  t.match(await Promise.all([alice.signIn(), bob.signIn()]), [{ status: 200 }, { status: 200 }])
  for (let round = 0; round < 20; round++) {
    const [first, second] = round % 2 === 0 ? [alice, bob] : [bob, alice]
    const answers = await Promise.all([first.ask(), second.ask()])
    t.match(
      answers.map((answer) => answer.headers['x-signed-in-as']),
      round % 2 === 0 ? ['alice', 'bob'] : ['bob', 'alice'],
    )
  }
  const connections = (person: Person) =>
    new Set(mail.requests.filter(({ target }) => target.includes(person)).map(({ connection }) => connection))
  t.equal(connections('alice').size, 1, 'alice has one upstream connection')
  t.equal(connections('bob').size, 1)
  t.not([...connections('alice')][0], [...connections('bob')][0], 'and shares it with nobody')
})

t.test('NTLM: a phone registers by its handshake and signs in from the internet afterwards', async (t) => {
  const { gateway } = await mailBehindGateway(t, 'ntlm')
  const stranger = ntlmPhone(t, gateway, 'alice', internet)
  t.equal((await stranger.ask(`NTLM ${ntlmOpening()}`)).status, 451, 'unknown phones get no challenge')
  t.equal((await ntlmPhone(t, gateway, 'alice', wifi).signIn()).status, 200)
  const phone = ntlmPhone(t, gateway, 'alice', internet)
  const signedIn = await phone.signIn()
  t.equal(signedIn.headers['x-signed-in-as'], 'alice')
  t.equal((await phone.ask()).headers['x-signed-in-as'], 'alice', 'without credentials, on this connection')
})

t.test('NTLM: once the phone has hung up, nobody inherits its signed-in connection', async (t) => {
  const { mail, gateway } = await mailBehindGateway(t, 'ntlm')
  const alice = ntlmPhone(t, gateway, 'alice', wifi)
  await alice.signIn()
  await alice.ask()
  const hers = mail.requests.at(-1)?.connection
  alice.hangUp()
  for (let i = 0; i < 5; i++) {
    const answer = await command(gateway, 'alice', { from: wifi, authorization: undefined })
    t.equal(answer.status, 401, 'the server asks for credentials')
    t.not(mail.requests.at(-1)?.connection, hers)
  }
})

t.test('NTLM: a signed-in connection takes no other user’s claims', async (t) => {
  const { gateway } = await mailBehindGateway(t, 'ntlm')
  const alice = ntlmPhone(t, gateway, 'alice', wifi)
  await alice.signIn()
  const ofBob = { from: wifi, agent: alice.agent, authorization: undefined }
  t.equal((await command(gateway, 'bob', ofBob)).status, 403)
})
