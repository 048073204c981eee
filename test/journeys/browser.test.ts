import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { startSimulation } from '../../sim/simulation.ts'
import { type ChatOptions, chatBehindGateway, internet, vpn, wifi } from '../helpers/chat.ts'
import { chromium, roamingChromium } from '../helpers/chromium.ts'
import { eventually } from '../helpers/eventually.ts'
import { evaluationLikePolicy, type GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { registrationHost, useRegistrationPort } from '../helpers/registration-address.ts'

async function chatForBrowsers(t: Test, options: ChatOptions = {}) {
  const { gateway, service } = await chatBehindGateway(t, options)
  await useRegistrationPort(gateway, options.policy)
  return { gateway, service, chat: `https://chat.localhost:${gateway.tls}` }
}

const refusing = evaluationLikePolicy.replace(
  '{ redirect: "https://register.localhost" }, help: Connect to the VPN first.',
  '{ refuse: "Join the office Wi-Fi and open this page again." }',
)

async function signIn(page: Page, chat: string, user = 'alice', password = 'wonderland'): Promise<void> {
  await page.goto(`${chat}/login`)
  await page.getByLabel('User name').fill(user)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('link', { name: 'Sign out' }).waitFor()
}

function heading(page: Page): Promise<string> {
  return page.locator('h1').innerText()
}

async function block(gateway: GatewayUnderTest): Promise<void> {
  const store = await gateway.openStore()
  const [device] = await store.registrations.list({ limit: 1 })
  const by = { name: 'admin', why: 'lost', at: Date.now() }
  await store.registrations.block(device?.registration.id ?? '', by)
}

t.test('an unknown browser gets a page that says what happened, what to do and a reference', async (t) => {
  const { gateway, service, chat } = await chatForBrowsers(t, { policy: refusing })
  const page = await (await chromium(t, { localAddress: internet })).newPage()
  const answer = await page.goto(`${chat}/rooms/7`)
  t.equal(answer?.status(), 403)
  await page.getByText('This device may not register.').waitFor()
  await page.getByText('Join the office Wi-Fi and open this page again.').waitFor()
  const reference = await page.locator('footer code').innerText()
  t.match(await gateway.accessLine(reference), { reason: 'registration.refused', source: internet })
  t.equal(service.requests.length, 0)
})

t.test(
  'a browser that signs in from the certificate Wi-Fi is let in from the internet afterwards',
  async (t) => {
    const { gateway, chat } = await chatForBrowsers(t)
    const { context, moveTo } = await roamingChromium(t, wifi)
    const page = await context.newPage()
    await signIn(page, chat)
    const [device] = (await context.cookies(chat)).filter(({ name }) => name === '__Host-gatehouse-device')
    t.match(device, { secure: true, httpOnly: true, path: '/', domain: 'chat.localhost' })
    moveTo(internet)
    await page.goto(chat)
    await page.getByText('Lunch at noon?').waitFor()
    t.match(await (await gateway.openStore()).registrations.list({ limit: 5 }), [
      { registration: { user: 'alice', device: { platform: 'linux' } } },
    ])
  },
)

t.test('a browser is sent to the VPN address, comes back to the page it wanted, and registers', async (t) => {
  const { gateway, chat } = await chatForBrowsers(t)
  const { context, moveTo } = await roamingChromium(t, internet)
  const page = await context.newPage()
  await page.goto(`${chat}/login?next=7`)
  t.match(page.url(), `https://${registrationHost}:${gateway.tls}/.gatehouse/register?departure=`)
  await page.getByText('You are not connected to the network').waitFor()
  await page.getByText('Connect to the VPN first.').waitFor()

  moveTo(vpn)
  await page.getByRole('link', { name: 'Try again' }).click()
  await page.getByRole('button', { name: 'Sign in' }).waitFor()
  t.equal(page.url(), `${chat}/login?next=7`, 'back where it wanted to go')
  moveTo(internet)
  await signIn(page, chat)
  t.match(await (await gateway.openStore()).registrations.list({ limit: 5 }), [
    { registration: { user: 'alice', networks: ['vpn'] } },
  ])
  await context.clearCookies({ name: '__Host-gatehouse-voucher' })
  await page.goto(chat)
  await page.getByText('Lunch at noon?').waitFor()
})

t.test('a browser that keeps coming back without the VPN gets a page that says why', async (t) => {
  const { chat } = await chatForBrowsers(t)
  const page = await (await chromium(t, { localAddress: internet })).newPage()
  for (let round = 0; round < 3; round++) await page.goto(chat)
  const answer = await page.goto(chat)
  t.equal(answer?.status(), 403)
  await page.getByText('several times').waitFor()
  await page.goto(chat)
  t.match(page.url(), registrationHost, 'and may try again after it has read it')
})

t.test('the page’s WebSocket chats through the gateway, until a block cuts it', async (t) => {
  const { gateway, chat } = await chatForBrowsers(t)
  const { context, moveTo } = await roamingChromium(t, wifi)
  const page = await context.newPage()
  await signIn(page, chat)
  await page.goto('about:blank') // and with it the page's first socket goes
  moveTo(internet)
  const opened = page.waitForEvent('websocket').then(async (socket) => {
    await socket.waitForEvent('framereceived')
    return socket
  })
  await page.goto(chat)
  const socket = await opened
  await page.getByLabel('Message').fill('Hello from afar')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('Hello from afar').waitFor()
  t.equal(page.url(), `${chat}/`, 'without a page load')

  const closed = socket.waitForEvent('close')
  await block(gateway)
  await closed
  const answer = await page.reload()
  t.equal(answer?.status(), 403)
  await page.getByText('This device was blocked by an administrator.').waitFor()
})

t.test('a foreign page cannot open the chat’s WebSocket with the user’s cookies', async (t) => {
  const { service, chat } = await chatForBrowsers(t)
  const { context } = await roamingChromium(t, wifi)
  const page = await context.newPage()
  await signIn(page, chat)
  const foreign = await startSimulation({ port: 0 }, (exchange) =>
    exchange.html(200, '<title>Foreign</title>'),
  )
  t.teardown(() => foreign.close())
  await page.goto(`http://localhost:${foreign.port}/`)
  const reached = service.requests.length
  const outcome = await page.evaluate<string>(`new Promise((resolve) => {
    const socket = new WebSocket('${chat.replace('https', 'wss')}/ws')
    socket.onopen = () => resolve('open')
    socket.onerror = () => resolve('refused')
  })`)
  t.equal(outcome, 'refused')
  t.equal(service.requests.length, reached)
})

t.test('the device page tells whether this browser is registered, and why it is refused', async (t) => {
  const { gateway, chat } = await chatForBrowsers(t)
  const { context, moveTo } = await roamingChromium(t, internet)
  const page = await context.newPage()
  await page.goto(`${chat}/.gatehouse/device`)
  t.equal(await heading(page), 'This device is not registered')
  await page.getByText('Connect to the VPN first.').waitFor()

  moveTo(wifi)
  await page.reload()
  await page.getByText('It will be registered as soon as you sign in.').waitFor()
  await signIn(page, chat)
  moveTo(internet)
  await page.goto(`${chat}/.gatehouse/device`)
  t.equal(await heading(page), 'This device is registered')
  await page.getByText(/It was registered for alice on \d+ [A-Z][a-z]+ \d{4}\./).waitFor()
  await page.getByText('It may use this service.').waitFor()

  await block(gateway)
  await eventually(async () => {
    await page.reload()
    return page.getByText('This device was blocked by an administrator.').isVisible()
  })
  t.equal(await heading(page), 'This device is blocked')
})

t.test(
  'a browser that waits for approval says so, and gets in once it is approved and signs in',
  async (t) => {
    const policy = evaluationLikePolicy
      .replace('{ redirect: "https://register.localhost" }, help: Connect to the VPN first.', 'approve')
      .replace(
        'registration:',
        'registration:\n  - { name: Approved, when: { evidence: approval }, then: allow }',
      )
    const { gateway, chat } = await chatForBrowsers(t, { policy })
    const page = await (await chromium(t, { localAddress: internet })).newPage()
    await page.goto(chat)
    t.equal(await heading(page), 'Waiting for approval')
    const store = await gateway.openStore()
    const [waiting] = await store.approvals.list('waiting', 5)
    await store.approvals.decide(waiting?.id ?? '', 'granted', {
      name: 'admin',
      why: 'known',
      at: Date.now(),
    })
    await signIn(page, chat)
  },
)

t.test('the pages fit a phone and a desk, in light and dark', async (t) => {
  const { chat } = await chatForBrowsers(t, { policy: refusing })
  const page = await (await chromium(t, { localAddress: internet })).newPage()
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 700 })
      for (const path of ['/', '/.gatehouse/device']) {
        await page.goto(chat + path)
        const { overflow, ground, text } = await page.evaluate<Looks>(looks)
        t.equal(overflow, 0, `${path} at ${width}`)
        const [behind, before] = [brightness(ground), brightness(text)]
        t.ok(
          colorScheme === 'light' ? behind > before + 128 : before > behind + 128,
          `${path} ${colorScheme}`,
        )
      }
    }
  }
})

interface Looks {
  /** Pixels by which the page is wider than the window. */
  readonly overflow: number
  readonly ground: string
  readonly text: string
}

/** Runs in the browser. */
const looks = `({
  overflow: document.documentElement.scrollWidth - innerWidth,
  ground: getComputedStyle(document.body).backgroundColor,
  text: getComputedStyle(document.body).color,
})`

/** 0 to 255, of `rgb(r, g, b)`. */
function brightness(color: string): number {
  const channels = color.match(/\d+/g)?.slice(0, 3).map(Number) ?? []
  return channels.reduce((sum, channel) => sum + channel, 0) / 3
}
