import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { readRegistered } from '../../sim/launcher.ts'
import { chatBehindGateway, internet } from '../helpers/chat.ts'
import { chromium } from '../helpers/chromium.ts'
import { appPolicy, companyApp, phoneOf } from '../helpers/company-app.ts'

/** Set to a folder, the tests leave their pictures there. */
const pictures = process.env.GATEHOUSE_SCREENSHOTS

const looks = [
  { name: 'phone-light', viewport: { width: 375, height: 667 }, colorScheme: 'light' },
  { name: 'phone-dark', viewport: { width: 375, height: 667 }, colorScheme: 'dark' },
  { name: 'desktop-light', viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  { name: 'desktop-dark', viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
] as const

interface Widths {
  readonly scrollWidth: number
  readonly clientWidth: number
}

async function picture(page: Page, name: string) {
  if (pictures === undefined) return
  mkdirSync(pictures, { recursive: true })
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true })
}

async function withLinks(t: Test) {
  let ahead = 0
  const now = () => Date.now() + ahead
  const app = companyApp(t, 'minVersion: { ios: "2.0" }, attempts: { perAddress: 1000, perDevice: 1000 }')
  const { gateway } = await chatBehindGateway(t, {
    settings: app.section,
    policy: appPolicy,
    now,
    extra: `  - { name: wiki, hosts: [sso.localhost], upstream: ["http://127.0.0.1:1"], client: browser, signIn: none }
  - { name: mail, hosts: [mail.localhost], upstream: ["http://127.0.0.1:1"], client: activesync }
  - { name: calls, hosts: [lync.localhost], upstream: ["http://127.0.0.1:1"], client: lync }`,
  })
  const phone = phoneOf(gateway, app.packageKey, { now })
  const link = async (service: string) =>
    readRegistered(await phone.register(service)).links.find((one) => one.service === service)?.url ?? ''
  const wait = (milliseconds: number) => {
    ahead += milliseconds
  }
  return { gateway, link, wait }
}

t.test('the user presses Register, signs in, and the browser is registered', async (t) => {
  const { gateway, link } = await withLinks(t)
  const context = await chromium(t, { localAddress: internet })
  const page = await context.newPage()
  const origin = `https://chat.localhost:${gateway.tls}`
  t.equal((await page.goto(`${origin}/`))?.status(), 403, 'a stranger')
  await page.goto(await link('chat'))
  t.equal(new URL(page.url()).pathname, '/login', 'the link’s secret is not in the address any more')
  await page.fill('[name=username]', 'alice')
  await page.fill('[name=password]', 'wonderland')
  await page.press('[name=password]', 'Enter')
  await page.waitForURL((url) => url.pathname !== '/login')
  t.match(await (await gateway.openStore()).registrations.list({ limit: 5 }), [
    { registration: { user: 'alice', binding: 'cookie', evidence: ['app'] } },
  ])
  await page.goto(`${origin}/.gatehouse/device`)
  t.match(await page.textContent('main'), /alice/)
})

t.test('every page of a link says in plain words what to do, on every screen', async (t) => {
  const { link, wait } = await withLinks(t)
  for (const { name, ...look } of looks) {
    const browser = async () => (await chromium(t, { localAddress: internet, ...look })).newPage()
    const page = await browser()
    const shows = async (what: string, words: RegExp) => {
      t.match(await page.textContent('main'), words, `${what}, ${name}`)
      const { scrollWidth, clientWidth } = await page.evaluate<Widths>(
        '({ scrollWidth: document.documentElement.scrollWidth, clientWidth: document.documentElement.clientWidth })',
      )
      t.ok(scrollWidth <= clientWidth, `${what} fits on the screen, ${name}`)
      await picture(page, `${what}-${name}`)
    }
    await page.goto(await link('mail'))
    await shows('mail', /Almost done[\s\S]*the mail app[\s\S]*alice[\s\S]*once/)
    await page.goto(await link('calls'))
    await shows('calls', /Open Skype for Business/)
    const used = await link('chat')
    await (await browser()).goto(used)
    await page.goto(used)
    await shows('used', /does not work any more[\s\S]*Register again/)
    const late = await link('chat')
    wait(301_000)
    await page.goto(late)
    await shows('expired', /does not work any more/)
    await page.goto(await link('chat'))
    await page.fill('[name=username]', 'bob')
    await page.fill('[name=password]', 'builder')
    await page.press('[name=password]', 'Enter')
    await page.waitForSelector('footer')
    await shows('other-user', /Another account/)
    const wiki = await link('wiki')
    await page.setContent(`<a href="${wiki}">win a prize</a>`)
    await page.click('a')
    await page.waitForSelector('main')
    await shows('asks-first', /Register this browser\?[\s\S]*alice/)
  }
})
