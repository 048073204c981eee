import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { startSimulation } from '../../sim/simulation.ts'
import { internet, wifi } from '../helpers/chat.ts'
import { roamingChromium } from '../helpers/chromium.ts'
import { type GatewayUnderTest, gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, form } from '../helpers/http-client.ts'
import { openIdProviderFor } from '../helpers/open-id-provider.ts'
import { useRegistrationPort } from '../helpers/registration-address.ts'

const host = 'sso.localhost'

/** A real OpenID provider behind the gateway, and an application that sends its users there. */
async function providerBehindGateway(t: Test) {
  const provider = await openIdProviderFor(t)
  const app = await startSimulation({ port: 0 }, (exchange) =>
    exchange.html(200, `<title>App</title><h1>Welcome back</h1>${exchange.url.searchParams.get('code')}`),
  )
  t.teardown(() => app.close())
  const gateway = await gatewayUnderTest(t, {
    services: `  - name: sso
    hosts: [${host}]
    upstream: ["${provider.url}"]
    client: browser
    public: [/.well-known/openid-configuration, /jwks, /token]
    signIn: { method: POST, path: "/interaction/*/login", user: { form: username }, success: { status: [302, 303] } }`,
  })
  await useRegistrationPort(gateway)
  const issuer = `https://${host}:${gateway.tls}`
  const redirectUri = `http://localhost:${app.port}/callback`
  provider.use({ issuer, redirectUris: [redirectUri] })
  const query = new URLSearchParams({ client_id: 'app', response_type: 'code', scope: 'openid' })
  query.set('redirect_uri', redirectUri)
  return { gateway, issuer, redirectUri, signInAddress: `${issuer}/auth?${query}` }
}

async function signIn(page: Page, user: string, password: string): Promise<void> {
  await page.locator('[name=username]').fill(user)
  await page.locator('[name=password]').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

async function registered(gateway: GatewayUnderTest) {
  return (await gateway.openStore()).registrations.list({ limit: 10 })
}

/** What the application's server does: no browser, no cookie, from the internet. */
function backChannel(gateway: GatewayUnderTest, path: string, body?: string) {
  const authorization = `Basic ${Buffer.from('app:app-secret').toString('base64')}`
  const target = { port: gateway.tls, host, ca: gateway.ca, from: internet, path }
  return ask(
    body === undefined ? target : { ...target, method: 'POST', headers: { ...form, authorization }, body },
  )
}

t.test('an unknown browser on the internet never sees the login form', async (t) => {
  const { gateway, signInAddress } = await providerBehindGateway(t)
  const { context } = await roamingChromium(t, internet)
  const page = await context.newPage()
  const answer = await page.goto(signInAddress)
  t.equal(answer?.status(), 403)
  t.match(page.url(), `https://register.localhost:${gateway.tls}/.gatehouse/register`)
  t.match(await page.locator('h1').textContent(), 'not on the right network')
  t.equal(await page.locator('input').count(), 0)
})

t.test(
  'a browser that signed in from the certificate Wi-Fi signs in from the internet afterwards',
  async (t) => {
    const { gateway, issuer, redirectUri, signInAddress } = await providerBehindGateway(t)
    const { context, moveTo } = await roamingChromium(t, wifi)
    const page = await context.newPage()
    await page.goto(signInAddress)
    await signIn(page, 'alice', 'wonderland')
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
    t.match(await registered(gateway), [{ registration: { user: 'alice', binding: 'cookie' } }])

    moveTo(internet)
    await context.clearCookies({ name: /^_session|^_interaction/ })
    await page.goto(signInAddress)
    await signIn(page, 'alice', 'wonderland')
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
    t.equal((await registered(gateway)).length, 1, 'the same registration')

    const code = new URL(page.url()).searchParams.get('code') ?? ''
    const exchanged = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
    })
    const token = await backChannel(gateway, '/token', exchanged.toString())
    t.equal(token.status, 200)
    const keys = JSON.parse((await backChannel(gateway, '/jwks')).body) as JSONWebKeySet
    const { payload } = await jwtVerify(JSON.parse(token.body).id_token, createLocalJWKSet(keys), { issuer })
    t.equal(payload.sub, 'alice')
  },
)

t.test('a wrong password registers nothing', async (t) => {
  const { gateway, signInAddress } = await providerBehindGateway(t)
  const { context, moveTo } = await roamingChromium(t, wifi)
  const page = await context.newPage()
  await page.goto(signInAddress)
  await signIn(page, 'alice', 'guess')
  await page.getByText('Wrong user name or password.').waitFor()
  t.strictSame(await registered(gateway), [])
  moveTo(internet)
  t.equal((await page.goto(signInAddress))?.status(), 403)
})

t.test(
  'another user does not sign in from the internet on a browser that is registered for alice',
  async (t) => {
    const { gateway, signInAddress } = await providerBehindGateway(t)
    const { context, moveTo } = await roamingChromium(t, wifi)
    const page = await context.newPage()
    await page.goto(signInAddress)
    await signIn(page, 'alice', 'wonderland')
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
    moveTo(internet)
    await context.clearCookies({ name: /^_session|^_interaction/ })
    await page.goto(signInAddress)
    await signIn(page, 'bob', 'builder')
    await page.getByText('This device has to be registered first').waitFor()
    t.equal((await registered(gateway)).length, 1)
  },
)

t.test('the back channel answers servers in JSON: what is public, and what is not', async (t) => {
  const { gateway, issuer } = await providerBehindGateway(t)
  const discovery = await backChannel(gateway, '/.well-known/openid-configuration')
  t.match(JSON.parse(discovery.body), {
    issuer,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
  })
  const token = await backChannel(
    gateway,
    '/token',
    'grant_type=authorization_code&code=guess&redirect_uri=x',
  )
  t.match(
    [token.status, JSON.parse(token.body)],
    [400, { error: 'invalid_grant' }],
    'the provider’s own answer',
  )
  const closed = await backChannel(gateway, '/me')
  t.equal(closed.status, 403)
  t.match(closed.headers['content-type'], 'application/problem+json')
  const login = await backChannel(gateway, '/interaction/guess/login', 'username=alice&password=wonderland')
  t.match([login.status, login.headers.location], [403, undefined])
})
