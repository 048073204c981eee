import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { chromium } from '../../helpers/chromium.ts'
import { enrollmentUnderTest, iphone } from '../../helpers/enrollment.ts'

const windows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36'
const long = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft & Co. KG'
const arabic = 'مؤسسة الاتصالات الوطنية (فرع ٣)'

interface Faults {
  readonly wide: boolean
  readonly lowContrast: readonly string[]
  readonly unnamed: readonly string[]
  readonly small: readonly string[]
}

/** As text: it runs in the page. WCAG 2.2: contrast 4.5 (1.4.3), reflow (1.4.10), names (4.1.2), targets of 24 px (2.5.8). */
const examined = `(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number)
  const light = (colour) => {
    const [r, g, b] = channels(colour).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor
      if ((channels(colour)[3] ?? 1) > 0) return colour
    }
    return 'rgb(255, 255, 255)'
  }
  const contrast = (element) => {
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))]
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
  }
  const all = [...document.querySelectorAll('main *')].filter((one) => one.checkVisibility())
  const texts = all.filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''))
  const controls = [...document.querySelectorAll('a, button, summary, input:not([type=hidden])')].filter((one) => one.checkVisibility())
  const name = (one) => one.labels?.[0]?.textContent || one.getAttribute('aria-label') || one.textContent
  return {
    wide: document.documentElement.scrollWidth > innerWidth,
    lowContrast: texts.filter((one) => contrast(one) < 4.5).map((one) => one.textContent),
    unnamed: controls.filter((one) => !name(one)?.trim()).map((one) => one.outerHTML),
    small: controls.filter((one) => !one.closest('p') && one.getBoundingClientRect().height < 24).map((one) => one.outerHTML),
  }
})()`

async function isFit(t: Test, page: Page, what: string): Promise<void> {
  const none = { wide: false, lowContrast: [], unnamed: [], small: [] }
  t.strictSame(await page.evaluate<Faults>(examined), none, what)
  t.equal(await page.locator('h1').count(), 1, what)
}

/** What the keyboard comes to, in order. */
async function tabStops(page: Page): Promise<string[]> {
  const stops: string[] = []
  await page.evaluate('document.activeElement?.blur()')
  for (let count = 0; count < 12; count++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate<string>(
      '(document.activeElement === document.body ? "" : document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent)',
    )
    if (at === '' || stops.includes(at)) break
    stops.push(at)
  }
  return stops
}

for (const [width, userAgent, colorScheme, organisation] of [
  [375, iphone, 'light', long],
  [375, iphone, 'dark', arabic],
  [1280, windows, 'dark', long],
  [320, windows, 'light', arabic],
] as const)
  t.test(`every page can be read and used, ${width} px, ${colorScheme}`, async (t) => {
    const { publicUrl, code } = await enrollmentUnderTest(t, {
      organisation,
      enrollment: 'help: "Call the service desk: 1234."',
    })
    const context = await chromium(t, { userAgent, colorScheme, viewport: { width, height: 740 } })
    const page = await context.newPage()
    await page.goto(`${publicUrl}/enroll`)
    await isFit(t, page, 'sign-in')
    t.strictSame(await tabStops(page), ['One-time code from your administrator', 'Continue'])

    await page.getByLabel('One-time code').fill('WRONG')
    await page.keyboard.press('Enter')
    const field = page.getByLabel('One-time code')
    await page.getByRole('alert').waitFor()
    t.equal(await field.getAttribute('aria-invalid'), 'true')
    t.equal(
      await page.evaluate('document.activeElement.id'),
      'code',
      'the field that was wrong has the focus',
    )
    await isFit(t, page, 'a wrong code')
    t.match(await page.locator('footer').textContent(), /^Reference: \w{10} \(sign-in\.wrong-code\)$/)

    await field.fill(await code('علياء عبد الرحمن@example.com'))
    await page.keyboard.press('Enter')
    await page.getByText('Signed in as').waitFor()
    await isFit(t, page, 'consent')
    t.equal(await page.locator('main > ul').first().locator('li').count(), 11, 'each right that is asked for')
    const [first] = await tabStops(page)
    t.equal(first, userAgent === iphone ? 'I agree: enroll this device' : 'This is an iPhone, iPad or Mac')
    if (userAgent === windows) await page.getByText('This is an iPhone').click()
    await isFit(t, page, 'consent, opened')
    await page.getByRole('button', { name: 'I agree' }).click()

    await page.getByText('Settings › Profile Downloaded').waitFor()
    await page.getByText('could not be installed').click()
    await isFit(t, page, 'install')
    await page.goto(`${publicUrl}/enroll/continue?ticket=${'a'.repeat(43)}`)
    await isFit(t, page, 'hand-over')
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByRole('heading', { name: 'This link has been used' }).waitFor()
    await isFit(t, page, 'refusal')
    t.equal(await page.locator('script').count(), 0, 'nothing needs JavaScript')
  })
