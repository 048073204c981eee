import t from 'tap'
import { installation, json, plainSettings, smallPolicy } from './support.ts'

t.test('settings and policy in order: exit 0', async (t) => {
  const { gatehouse, settingsFile } = installation(t)
  const { code, stdout } = await gatehouse('check')
  t.equal(code, 0)
  t.match(stdout, `${settingsFile} and`)
})

t.test('a mistake in the settings is told with file, line, column and key, and exit 1', async (t) => {
  const settings = plainSettings.replace('client: browser', 'client: brwoser')
  const { gatehouse, settingsFile } = installation(t, { settings })
  const { code, stdout } = await gatehouse('check')
  t.equal(code, 1)
  t.match(stdout, `${settingsFile}:8:13: services[0].client: `)
  t.match(stdout, /the policy was not looked at/)
})

t.test('a mistake in the policy is told with file, line, column and the nearest right name', async (t) => {
  const policy = smallPolicy.replace('network: wifi', 'netwrok: wifi')
  const { gatehouse, policyFile } = installation(t, { policy })
  const { code, stdout } = await gatehouse('check')
  t.equal(code, 1)
  t.match(stdout, new RegExp(`${policyFile}:3:\\d+: registration\\[0\\]\\.when\\.netwrok: .*network`))
})

t.test('a push certificate that cannot be used is told, with its file', async (t) => {
  const settings = `${plainSettings}\napns: { certificate: { file: push.p12 } }\n`
  const { gatehouse, settingsFile } = installation(t, { settings })
  const { code, stdout } = await gatehouse('check')
  t.equal(code, 1)
  t.match(stdout, new RegExp(`${settingsFile}:1:1: apns\\.certificate: .*push\\.p12 cannot be read`))
})

t.test('a policy that fails its own tests is not in order', async (t) => {
  const policy = smallPolicy.replace('expect: refuse', 'expect: forward')
  const { gatehouse } = installation(t, { policy })
  const { code, stdout } = await gatehouse('check')
  t.equal(code, 1)
  t.match(stdout, /A stranger stays out.*expected forward, got refuse/)
})

t.test('what is legal and dangerous is warned of, and still exit 0', async (t) => {
  const policy = smallPolicy.replace('10.20.0.0/16', '198.51.100.0/24')
  const { gatehouse } = installation(t, { policy })
  const { code, stdout } = await gatehouse('check')
  t.equal(code, 0)
  t.match(stdout, /warning: Wi-Fi: .*public addresses/)
})

t.test('--json holds problems with their places', async (t) => {
  const { gatehouse } = installation(t, { policy: `${smallPolicy}colour: blue\n` })
  const result = await gatehouse('check', '--json')
  t.equal(result.code, 1)
  t.match(json(result).problems, [{ line: 10, column: 1, key: 'colour' }])
})

t.test('--effective shows every setting with its default', async (t) => {
  const { gatehouse } = installation(t)
  const { code, stdout } = await gatehouse('check', '--effective')
  t.equal(code, 0)
  t.match(stdout, /responseTimeout: 20m/)
  t.match(stdout, /headerTimeout: 10s/)
})

t.test('rules that come into force later are named with their day', async (t) => {
  const policy = smallPolicy.replace(
    'access:\n',
    'access:\n  - { name: New rule, from: 2999-01-01, when: { posture: unmanaged }, then: { refuse: No } }\n',
  )
  const { gatehouse } = installation(t, { policy })
  const { code, stdout } = await gatehouse('check')
  t.equal(code, 0)
  t.match(stdout, 'coming: access: New rule holds from 2999-01-01T00:00:00.000Z')
})
