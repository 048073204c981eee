import t from 'tap'
import { enrollmentUnderTest } from '../helpers/enrollment.ts'

t.test('a phone enrolls over the air, from the code to its first command', async (t) => {
  const { browser, code, device, store } = await enrollmentUnderTest(t)
  const profile = await browser().profile(await code('Alice'))
  const phone = await device()
  await phone.install(profile)
  const { udid, serial } = phone.options
  t.match(await store.enrollments.get(udid), {
    state: 'enrolled',
    user: 'alice',
    device: { serial },
    pushable: true,
  })
  await phone.poll()
  const actions = (await store.audit.list({ limit: 50 })).map(({ action }) => action)
  for (const action of ['enrollment.signed-in', 'enrollment.profile-issued', 'certificate.issued'] as const)
    t.ok(actions.includes(action), action)
})

t.test(
  'the identity with which the phone asked for its profile ends when it enrolls with its own',
  async (t) => {
    const { browser, code, device, store } = await enrollmentUnderTest(t)
    const profile = await browser().profile(await code('Alice'))
    const phone = await device()
    await phone.install(profile)
    const { udid } = phone.options
    const [own, first] = await store.certificates.ofEnrollment(udid)
    t.equal(own?.fingerprint, (await store.enrollments.get(udid))?.certificate)
    t.equal(own?.revoked, undefined)
    t.match(first?.revoked, { reason: 'superseded', by: 'enrollment' })
    await phone.poll()
  },
)
