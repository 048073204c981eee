import { readFileSync } from 'node:fs'
import type { BrowserContext, Page } from 'playwright-core'
import decodeQR from 'qr/decode.js'
import t from 'tap'
import { Passes } from '../../src/enrollment/passes.ts'
import { sha256 } from '../../src/lib/hash.ts'
import { systemRandom } from '../../src/lib/random.ts'
import type { Store } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { chromium } from '../helpers/chromium.ts'
import { enrollmentUnderTest, iphone } from '../helpers/enrollment.ts'

/** The harder one for cameras. */
const colorScheme = 'dark'
const windows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36'

function passesOf({ enrollmentPasses, scepChallenges }: Store, challengeLife: number): Passes {
  return new Passes({
    passes: enrollmentPasses,
    challenges: scepChallenges,
    random: systemRandom(),
    secret: 'c2VjcmV0',
    challengeLife,
  })
}

/** As text: it runs in the page, where there are other names than here. */
const drawn = `async (png) => {
  const image = new Image()
  image.src = 'data:image/png;base64,' + png
  await image.decode()
  const { width, height } = image
  const drawing = new OffscreenCanvas(width, height).getContext('2d')
  drawing.drawImage(image, 0, 0)
  let bytes = ''
  for (const byte of drawing.getImageData(0, 0, width, height).data) bytes += String.fromCharCode(byte)
  return { width, height, data: btoa(bytes) }
}`

interface Picture {
  readonly width: number
  readonly height: number
  /** RGBA, base64. */
  readonly data: string
}

/** What a camera sees: the pixels of the page as it is drawn, whatever it was drawn from. */
async function photograph(page: Page, context: BrowserContext): Promise<string> {
  const picture = (await page.screenshot({ fullPage: true })).toString('base64')
  const camera = await context.newPage()
  const { width, height, data } = await camera.evaluate<Picture>(`(${drawn})("${picture}")`)
  await camera.close()
  return decodeQR({ width, height, data: Buffer.from(data, 'base64') }, { timeLimit: 5000 })
}

t.test(`who signs in at a computer goes on on the phone that reads the code (${colorScheme})`, async (t) => {
  const { publicUrl, code, device, store } = await enrollmentUnderTest(t)
  const desktop = await chromium(t, {
    userAgent: windows,
    colorScheme,
    viewport: { width: 1280, height: 800 },
  })
  const screen = await desktop.newPage()
  await screen.goto(publicUrl)
  t.equal(await photograph(screen, desktop), `${publicUrl}/enroll`, 'before the sign-in: the way to the page')
  await screen.getByLabel('One-time code').fill(await code('anna'))
  await screen.getByRole('button', { name: 'Continue' }).click()
  await screen.getByRole('heading', { name: 'Go on on your phone' }).waitFor()
  const link = await photograph(screen, desktop)
  t.match(link, /^https:\/\/mdm\.localhost:\d+\/enroll\/continue\?ticket=[\w-]{43}$/)

  const phone = await chromium(t, {
    userAgent: iphone,
    colorScheme,
    viewport: { width: 375, height: 740 },
  })
  const page = await phone.newPage()
  await page.goto(link)
  await page.reload()
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByText('Signed in as anna').waitFor()
  t.equal(await page.locator('svg[role=img]').count(), 0, 'it goes on from there to no third device')
  await page.getByRole('button', { name: 'I agree' }).click()
  await page.getByRole('heading', { name: 'Install the profile' }).waitFor()
  const offered = page.waitForResponse((response) => response.url().endsWith('/enroll/profile'))
  const downloaded = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download the profile' }).click()
  t.match((await offered).headers(), {
    'content-type': 'application/x-apple-aspen-config',
    'cache-control': 'no-store',
    'content-disposition': /\.mobileconfig"/,
  })
  const iPhone = await device()
  await iPhone.install(readFileSync(await (await downloaded).path()))
  t.match(await store.enrollments.get(iPhone.options.udid), { state: 'enrolled', user: 'anna' })

  const somebodyElse = await chromium(t, { userAgent: iphone, viewport: { width: 375, height: 740 } })
  const photographed = await somebodyElse.newPage()
  await photographed.goto(link)
  await photographed.getByRole('button', { name: 'Go on' }).click()
  await photographed.getByRole('heading', { name: 'This link has been used' }).waitFor()
  await photographed.goto(`${publicUrl}/enroll/install`)
  await photographed.getByRole('heading', { name: 'Sign in first' }).waitFor()
})

t.test('a code on a screen is good for ten minutes and once, whoever is quicker', async (t) => {
  const start = Date.now()
  const store = await openSqliteStore(`${t.testdir()}/record.db`, { now: () => start })
  t.teardown(() => store.close())
  const passes = passesOf(store, 3_600_000)
  const give = () =>
    passes.give('handover', { user: { name: 'anna', groups: [] }, source: '192.0.2.1', at: start })
  const minute = 60_000
  const [late, shown] = [await give(), await give()]
  const used = { code: 'sign-in.link-used' }
  await t.rejects(passes.claim('handover', late.secret, { at: start + 10 * minute }), used)
  await t.rejects(passes.claim('bearer', shown.secret, { holder: 'x', at: start }), {
    code: 'challenge.unknown',
  })
  await t.rejects(passes.claim('ota', shown.secret, { holder: 'x', at: start }), {
    code: 'challenge.unknown',
  })
  const both = await Promise.allSettled(
    [1, 2].map(() => passes.claim('handover', shown.secret, { at: start + 9 * minute })),
  )
  t.strictSame(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
})

t.test('a token and a profile are good for as long as was said, and so is the password in it', async (t) => {
  const start = Date.now()
  const store = await openSqliteStore(`${t.testdir()}/record.db`, { now: () => start })
  t.teardown(() => store.close())
  const minute = 60_000
  const passes = passesOf(store, 30 * minute)
  const user = { name: 'anna', groups: [] }
  for (const [kind, life] of [
    ['bearer', 10 * minute],
    ['ota', 30 * minute],
  ] as const) {
    const claimed = async (at: number) => {
      const { secret } = await passes.give(kind, { user, source: '192.0.2.1', at: start })
      return passes.claim(kind, secret, { holder: 'phone', at })
    }
    await t.resolves(claimed(start + life - 1), kind)
    await t.rejects(claimed(start + life), { code: 'challenge.expired' }, kind)
  }
  const promised = { which: 'final', enrollment: 'U1', at: start } as const
  const challenge = await passes.scepChallenge({ id: 'p_1', user }, promised)
  t.match(await store.scepChallenges.find(sha256(challenge)), { expiresAt: start + 30 * minute })
})
