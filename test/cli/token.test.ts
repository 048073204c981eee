import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isGenerated } from '../../src/evidence/mdm-token/text.ts'
import { run } from '../helpers/run.ts'
import { command, installation, json, plainSettings } from './support.ts'

async function withRecord(t: Test) {
  const one = installation(t)
  return { ...one, store: await one.openStore() }
}

t.test('a token is created, shown once, listed without itself, and revoked with a reason', async (t) => {
  const { here, store, folder } = await withRecord(t)
  const created = await here('token', 'create', '--label', 'Intune, 2027', '--expires', '2999-01-01')
  t.equal(created.code, 0)
  const token = created.stdout.trimEnd()
  t.ok(isGenerated(token), 'standard output has the token and nothing else')
  t.match(created.stderr, /^Token t_\w+ is active from now on, until 2999-01-01/m)
  const listed = await here('token', 'list')
  t.match(listed.stdout, /t_\w+ +Intune, 2027 +active +generated .* 2999-01-01T.* 0 +- +0$/m)
  const { id } = json(await here('token', 'list', '--json')).tokens[0]
  t.match(await here('token', 'revoke', id), { code: 2, stderr: /--why is missing/ })
  const revoked = await here('token', 'revoke', id, '--why', 'lost')
  t.match(revoked, { code: 0, stdout: /No registration rests on it/, stderr: /no MDM token is active now/ })
  t.match((await here('token', 'revoke', id, '--why', 'again')).stdout, 'had been revoked already')
  t.match((await here('token', 'list')).stdout, / revoked /)
  t.strictSame(json(await here('token', 'list', '--active', '--json')).tokens, [])
  t.match(await here('token', 'revoke', 't_nobody', '--why', 'x'), {
    code: 1,
    stderr: /There is no token t_nobody/,
  })
  const audit = await store.audit.list({ limit: 10 })
  t.match(audit, [
    { action: 'token.created', actor: 'tester', subject: id },
    { action: 'token.revoked', subject: id, why: 'lost' },
  ])
  await store.close()
  const record = readFileSync(join(folder, 'record.db'), 'latin1') + JSON.stringify(audit)
  t.notOk(record.includes(token), 'the record never had the token')
  t.notMatch((await here('token', 'list', '--json')).stdout, 'hash')
})

t.test('a token that is typed in comes from a file or standard input, and is not shown again', async (t) => {
  const { gatehouse, here, folder, settingsFile } = await withRecord(t)
  const file = join(folder, 'token')
  writeFileSync(file, '7c9e6679-7425-40de-944b-e07fc1f90ae7\n')
  const created = await gatehouse('token', 'create', '--value-file', file)
  t.match(created, { code: 0, stdout: /^Token t_/, stderr: '' })
  t.notMatch(created.stdout, '7c9e6679')
  t.match(await here('token', 'create', '--value-file', file), {
    code: 1,
    stderr: /There is this token already/,
  })
  const piped = await run(t, [command, 'token', 'create', '--value-file', '-'], {
    env: { GATEHOUSE_CONFIG: settingsFile },
    input: 'c56a4180-65aa-42ec-a945-5fd21dec0538\n',
  })
  t.match(piped, { code: 0, stdout: /^Token t_/ })
  const onCommandLine = await here('token', 'create', '--value', 'Kq7-Zx81.Typed:By_Hand', '--json')
  t.match(onCommandLine, { code: 0, stderr: /others can read it/ })
  t.equal(json(onCommandLine).token.value, undefined)
  t.equal(json(onCommandLine).token.hash, undefined)
})

t.test('a weak or wrong token is refused with the reason and without repeating it', async (t) => {
  const { here, folder } = await withRecord(t)
  const weak = await here('token', 'create', '--value', 'Company-Token-2026-Secret')
  t.match(weak, { code: 2, stdout: '', stderr: /The token rests on common words/ })
  t.notMatch(weak.stderr, 'Company-Token')
  writeFileSync(join(folder, 'empty'), '\n')
  t.match(await here('token', 'create', '--value-file', join(folder, 'empty')), {
    code: 1,
    stderr: /is empty/,
  })
  t.match(await here('token', 'create', '--value-file', join(folder, 'none')), {
    code: 1,
    stderr: /cannot be read/,
  })
  t.match(await here('token', 'create', '--expires', '2020-01-01'), {
    code: 2,
    stderr: /must be in the future/,
  })
  t.match(await here('token', 'create', '--label', ' '), { code: 2, stderr: /--label must have/ })
  t.strictSame(json(await here('token', 'list', '--json')).tokens, [])
})

const appSettings = `${plainSettings.replace('gateway:\n', 'gateway:\n  hosts: [register.example.com]\n')}
app: { company: Example Corp, packageKeys: [{ id: "2026-01", secret: { file: package.key } }], minVersion: { ios: "2.0" } }
appConfig: { values: { jamf: { username: "$EMAIL" } } }
`
const packageKey = 'cGFja2FnZSBrZXkgb2YgdGhlIHRlc3QsIDMyIGJ5dGVzIQ=='

function withApp(t: Test) {
  const one = installation(t, { settings: appSettings })
  writeFileSync(join(one.folder, 'package.key'), packageKey, { mode: 0o600 })
  return one
}

t.test(
  'an app configuration has secrets only when they are asked for, in a file that nobody else can read',
  async (t) => {
    const { here, folder } = withApp(t)
    const shown = await here('app-config', '--vendor', 'jamf', '--platform', 'ios')
    t.match(shown, { code: 0, stdout: /<string>PACKAGE-KEY-GOES-HERE<\/string>/, stderr: '' })
    t.match(
      shown.stdout,
      '<key>username</key>\n  <string>$EMAIL</string>',
      'the settings override the vendor’s',
    )
    t.notMatch(shown.stdout, packageKey)
    const [file, tokenFile] = [join(folder, 'app.json'), join(folder, 'token')]
    writeFileSync(tokenFile, 'Kq7-Zx81.Typed:By_Hand\n')
    const args = [
      'app-config',
      '--vendor',
      'intune',
      '--platform',
      'android',
      '--token-file',
      tokenFile,
      '-o',
      file,
    ]
    t.match(await here(...args), { code: 2, stderr: /goes with --with-secrets/ })
    writeFileSync(file, 'what was there before', { mode: 0o644 })
    const written = await here(...args, '--with-secrets', '--pingid')
    t.match(written, {
      code: 0,
      stdout: /app.json is for Microsoft Intune: Apps, App configuration policies/,
    })
    t.notMatch(written.stdout + written.stderr, packageKey)
    t.equal(statSync(file).mode & 0o777, 0o600)
    const properties = JSON.parse(readFileSync(file, 'utf8')).managedProperty
    t.match(
      new Map(properties.map(({ key, valueString }: Record<string, string>) => [key, valueString])),
      new Map([
        ['packageKey', packageKey],
        ['PINGID_MDM_TOKEN', 'Kq7-Zx81.Typed:By_Hand'],
      ]),
    )
    const elsewhere = join(folder, 'elsewhere')
    writeFileSync(elsewhere, 'untouched')
    symlinkSync(elsewhere, join(folder, 'link'))
    await here(...args.slice(0, -1), join(folder, 'link'), '--with-secrets')
    t.equal(readFileSync(elsewhere, 'utf8'), 'untouched', 'a link is replaced, not followed')
  },
)

t.test('a token that lets nobody in is not rolled out', async (t) => {
  const one = withApp(t)
  const tokenFile = join(one.folder, 'token')
  const asked = () =>
    one.here(
      'app-config',
      '--vendor',
      'intune',
      '--platform',
      'ios',
      '--with-secrets',
      '--token-file',
      tokenFile,
    )
  writeFileSync(tokenFile, 'Kq7-Zx81.Typed:By_Hand\n')
  t.match(await asked(), { code: 0, stderr: /could not be looked up: There is no record/ })
  await one.openStore()
  t.match(await asked(), { code: 1, stderr: /is unknown here, and would let nobody in/, stdout: '' })
  await one.here('token', 'create', '--value-file', tokenFile)
  const fine = await asked()
  t.match(fine, { code: 0, stdout: /Typed:By_Hand/ })
  t.notMatch(fine.stderr, 'looked up')
  const { id } = json(await one.here('token', 'list', '--json')).tokens[0]
  await one.here('token', 'revoke', id, '--why', 'lost')
  t.match(await asked(), { code: 1, stderr: /is no longer active here/, stdout: '' })
})

t.test('what is not verified goes to standard error, and the file alone to standard output', async (t) => {
  const { here } = withApp(t)
  const { stdout, stderr } = await here('app-config', '--vendor', 'blackberry', '--platform', 'ios')
  t.match(stderr, /^to check: deviceId: %IOSUDID%/)
  t.match(stdout, /^<\?xml/)
  t.match(json(await here('app-config', '--vendor', 'blackberry', '--platform', 'ios', '--json')), {
    format: 'plist',
    toCheck: [/^deviceId/, /^username/],
  })
})

t.test('an app configuration that cannot be is refused with what is allowed', async (t) => {
  const { here } = withApp(t)
  const of = (...args: string[]) => here('app-config', ...args)
  t.match(await of('--vendor', 'acme', '--platform', 'ios'), {
    code: 2,
    stderr: /one of workspace-one, .*generic/,
  })
  t.match(await of('--platform', 'ios'), { code: 2, stderr: /--vendor is missing/ })
  t.match(await of('--vendor', 'jamf'), { code: 2, stderr: /--platform is missing/ })
  t.match(await of('--vendor', 'jamf', '--platform', 'ios', '--format', 'json'), {
    code: 2,
    stderr: /not for ios; there are plist, appconfig/,
  })
  t.match(await of('--vendor', 'jamf', '--platform', 'ios', '--set', 'password=x'), {
    code: 2,
    stderr: /one of deviceId/,
  })
  t.match(await of('--vendor', 'intune', '--platform', 'ios', '--device-id', 'IMEI'), {
    code: 2,
    stderr: /there are SERIAL, ENTRA/,
  })
  t.match(await of('--vendor', 'jamf', '--platform', 'ios', '--key', '2020'), {
    code: 2,
    stderr: /there are 2026-01/,
  })
  const none = await installation(t).here('app-config', '--vendor', 'jamf', '--platform', 'ios')
  t.match(none, { code: 1, stderr: /no `app:` section/ })
})
