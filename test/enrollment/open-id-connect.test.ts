import t from 'tap'
import { chromium } from '../helpers/chromium.ts'
import { enrollmentUnderTest, iphone } from '../helpers/enrollment.ts'
import { openIdProviderFor } from '../helpers/open-id-provider.ts'

t.test('users sign in at their OpenID provider, with PKCE, state and nonce', async (t) => {
  const provider = await openIdProviderFor(t)
  const secret = t.testdir({ secret: 'app-secret' })
  const enrollment = await enrollmentUnderTest(t, {
    enrollment: `signIn: { codes: false, oidc: { issuer: "${provider.url}", clientId: app, clientSecret: { file: ${secret}/secret }, scopes: [openid], userClaim: sub } }`,
  })
  const { publicUrl, store, browser } = enrollment
  const callback = `${publicUrl}/enroll/sign-in/callback`

  const early = await browser().get('/enroll/sign-in/start')
  t.match(
    early,
    { status: 503, body: /does not answer/ },
    'a provider that is away is no verdict on the user',
  )

  provider.use({ issuer: provider.url, redirectUris: [callback] })
  const visitor = browser()
  const start = await visitor.get('/enroll/sign-in/start')
  const { searchParams } = new URL(String(start.headers.location))
  t.match(Object.fromEntries(searchParams), {
    response_type: 'code',
    code_challenge_method: 'S256',
    redirect_uri: callback,
    prompt: 'login',
    state: /.{20}/,
    nonce: /.{20}/,
    code_challenge: /.{43}/,
  })
  const forged = await visitor.get('/enroll/sign-in/callback?code=x&state=another')
  t.match(forged, { status: 403, body: /did not confirm who you are/ })
  t.match(await browser().get('/enroll/sign-in/callback?code=x&state=y'), { status: 403, body: /expired/ })

  const context = await chromium(t, { userAgent: iphone })
  const page = await context.newPage()
  await page.goto(publicUrl)
  await page.getByRole('link', { name: 'Sign in' }).click()
  await page.locator('[name=username]').fill('alice')
  await page.locator('[name=password]').fill('wonderland')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('Signed in as alice').waitFor()
  const again = page.url()
  t.equal(again, `${publicUrl}/enroll`)
  const kept = (await context.cookies()).map(({ name }) => name)
  t.notOk(kept.includes('__Host-gatehouse-enroll-oidc'), 'an answer of the provider is taken once')
  t.match((await store.audit.list({ limit: 20 })).at(-1), {
    action: 'enrollment.signed-in',
    subject: 'alice',
    details: { method: 'oidc' },
  })
  t.match(await browser().get('/enroll/code'), { status: 405 })
})
