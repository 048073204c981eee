import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { enroll } from '../store/contract/enrollments.ts'
import { deviceProfile } from '../store/contract/profiles.ts'
import { installation, json, plainSettings } from './support.ts'

const settings = `${plainSettings}
enrollment: { listen: "http://127.0.0.1:0", publicUrl: https://mdm.example.com, organisation: Example Corp, ca: { folder: ca }, profiles: { files: [mail.yaml] } }
apns: { certificate: { file: push.pem } }
`
const mail = `name: mail
title: Mail
assign: { users: [ann] }
payloads:
  - exchange: { host: mail.example.com, user: "%user%", password: { file: mail.yaml } }
`

t.test('a profile is shown as it would be sent to somebody, without its secrets', async (t) => {
  const { here, folder, openStore } = installation(t, { settings })
  writeFileSync(join(folder, 'mail.yaml'), mail, { mode: 0o644 })
  const store = await openStore()
  const ann = await here('enroll', 'profile', 'show', 'mail', '--user', 'Ann')
  t.match(ann, { code: 0, stdout: /<key>UserName<\/key>\s*<string>ann<\/string>/ })
  t.match(ann.stdout, /<key>Password<\/key>\s*<string>\*\*\*<\/string>/)
  t.notMatch(ann.stdout, /assign:/)
  t.match(await here('enroll', 'profile', 'show', 'mail', '--user', 'bob'), {
    code: 1,
    stdout: /not assigned to bob/,
  })
  t.match(await here('enroll', 'profile', 'show', 'mall', '--user', 'bob'), {
    code: 1,
    stderr: /no profile mall: there are mail/,
  })
  t.match(await here('enroll', 'profile', 'show', 'mail'), {
    code: 2,
    stderr: /give one of --user and --device/,
  })
  await enroll(store, 'U1')
  t.match(await here('enroll', 'profile', 'show', 'mail', '--device', 'SERIALU1'), { code: 0 })
  await enroll(store, 'M1', { device: { udid: 'M1', serial: 'SERIALM1', platform: 'macos' } })
  t.match(
    await here('enroll', 'profile', 'show', 'mail', '--device', 'SERIALM1'),
    { code: 1, stdout: /not assigned to SERIALM1/ },
    'there is no Exchange account on a Mac',
  )
})

t.test(
  'who has a profile, and who refused it and why, is listed; it is sent again for a reason',
  async (t) => {
    const { here, folder, openStore } = installation(t, { settings })
    writeFileSync(join(folder, 'mail.yaml'), mail, { mode: 0o644 })
    const store = await openStore()
    await store.deviceProfiles.put([
      deviceProfile({ state: 'failed', error: 'No (MCProfileErrorDomain 1009)' }),
    ])
    t.match(await here('enroll', 'profile', 'list'), {
      code: 0,
      stdout: /mail: U1: No \(MCProfileErrorDomain 1009\)/,
    })
    t.match(json(await here('enroll', 'profile', 'list', '--json')), {
      profiles: [{ name: 'mail', failed: 1, encrypted: true }],
    })
    t.match(await here('enroll', 'profile', 'push', 'mail'), { code: 2, stderr: /--why is missing/ })
    t.match(await here('enroll', 'profile', 'push', 'mail', '--why', 'new passwords'), {
      code: 0,
      stdout: /1 profile to be sent again/,
    })
    t.match(await store.deviceProfiles.of(['U1']), [{ revision: '' }])
  },
)

t.test('mistakes in profiles are found before anything is started', async (t) => {
  const { here, folder, openStore } = installation(t, { settings })
  await openStore()
  writeFileSync(join(folder, 'mail.yaml'), mail.replace('host:', 'hots:'), { mode: 0o644 })
  t.match(await here('check'), {
    code: 1,
    stdout: /mail\.yaml:5:17: payloads\[0\]\.exchange\.hots: unknown key\. Did you mean host\?/,
  })
  t.match(await here('enroll', 'profile', 'list'), { code: 2 })
})
