import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { installation, plainSettings } from './support.ts'

/** With an enrollment service that nobody has started. */
function evaluation(t: Test, server = 'https://127.0.0.1:9') {
  const settings = `${plainSettings}
enrollment:
  listen: "http://127.0.0.1:0"
  publicUrl: https://mdm.example.com
  organisation: Example Corp
apns: { certificate: { file: push.pem }, server: "${server}" }
`
  const { folder, here } = installation(t, { settings })
  const ca = join(folder, 'ca.crt')
  writeFileSync(ca, 'no certificate is read before the push service is there')
  const simulate = (...words: readonly string[]) => here('enroll', 'simulate', ...words)
  const known = ['--user', 'bob', '--code', 'AAAA-BBBB-CCCC', '--ca', ca]
  return { simulate, known, folder }
}

t.test('a simulated phone says what it lacks, and reaches this machine alone', async (t) => {
  const { simulate, known, folder } = evaluation(t)
  const local = ['--enrollment', 'https://mdm.localhost:1', '--gateway', 'https://chat.localhost:1']
  for (const option of ['--user', '--code', '--ca']) {
    const at = known.indexOf(option)
    const rest = known.toSpliced(at, 2)
    t.match(await simulate(...rest, ...local), { code: 2, stderr: `${option} is missing` }, option)
  }
  const elsewhere = /--enrollment: https:\/\/mdm\.example\.com is no address of this machine such as/
  t.match(await simulate(...known), { code: 2, stderr: elsewhere }, 'the settings are of a real installation')
  for (const gateway of [
    'https://chat.example.com',
    'http://chat.localhost',
    'chat',
    'https://localhost.example.com',
  ])
    t.match(
      await simulate(...known, ...local.slice(0, 2), '--gateway', gateway),
      { code: 2, stderr: `--gateway: ${gateway} is no address of this machine` },
      gateway,
    )
  t.match(await simulate(...known, ...local, '--service', 'fax'), {
    code: 2,
    stderr: 'There is no service fax; there are chat',
  })
  t.match(await simulate(...known.toSpliced(5, 1, join(folder, 'none')), ...local), {
    code: 1,
    stderr: /none cannot be read: there is no such file \(ENOENT\)/,
  })
  t.match(await simulate(...known, ...local), {
    code: 1,
    stderr:
      /^gatehouse: waiting for pushes at http:\/\/127\.0\.0\.1:10: nothing listens there; is `npm start` running\?\n$/,
  })
})

t.test(
  'where pushes go to Apple, there is no simulated phone: its tokens would be strange to Apple',
  async (t) => {
    const { simulate, known } = evaluation(t, 'https://api.push.apple.com')
    t.match(await simulate(...known), {
      code: 1,
      stderr: /`apns\.server` is https:\/\/api\.push\.apple\.com: simulated/,
    })
  },
)

t.test('settings without enrollment have nothing to enroll at', async (t) => {
  const { here } = installation(t)
  t.match(await here('enroll', 'simulate'), { code: 1, stderr: /has no sections `enrollment:` and `apns:`/ })
})
