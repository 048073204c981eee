import { execFileSync } from 'node:child_process'
import { rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildProfile, templateOf } from '../../../src/enrollment/profiles/build-profile.ts'
import { ProfilesInForce } from '../../../src/enrollment/profiles/profiles-in-force.ts'
import { readProfile } from '../../../src/enrollment/profiles/read-profile.ts'
import { type ReadBefore, readAhead, readProfiles } from '../../../src/enrollment/profiles/read-profiles.ts'
import { profilePlist } from '../../../src/enrollment/profiles/seal-profile.ts'
import { readPlistDict } from '../../../src/lib/plist/read.ts'
import { eventually } from '../../helpers/eventually.ts'
import { mistakes, organisation, profileYaml, readGood } from './support.ts'

const vpn = (more: string) =>
  profileYaml([
    `vpn: { name: V, server: s, serverId: s, localId: l, identity: d, ${more} }`,
    'scep: { id: d }',
  ])
const raw = (content: string) => profileYaml([`raw: { type: com.apple.x, content: ${content} }`])
const imap = (secret: string) =>
  profileYaml([`imap: { incomingHost: i, outgoingHost: o, incomingPassword: ${secret} }`])

t.test('what no property list can hold is refused when it is read, wherever it stands', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [vpn('onDemand: [{ action: connect, ssids: ["a\\x01"] }]'), /ssids\[0\]: must be one line/],
    [vpn('onDemand: [{ action: connect, dnsDomains: ["a\\x01"] }]'), /dnsDomains\[0\]: must be one line/],
    [raw('{ "a\\x01": b }'), /the key has control characters/],
    [raw('{ a: { "\\ud800": b } }'), /the key has control characters/],
    [raw('{ a: "b\\x01" }'), /without control characters/],
    [raw('{ a: "\\ud800" }'), /without control characters/],
    [raw('{ a: { $date: "2026-02-31T00:00:00Z" } }'), /must be a time/],
    [imap('{ file: control }'), /incomingPassword: the secret is no text/],
    [imap('{ file: binary }'), /incomingPassword: the secret is no text/],
    [raw('{ a: { $secret: { file: control } } }'), /the secret is no text/],
    [profileYaml(['passcode: {}'], ['removal: { password: { file: control } }']), /the secret is no text/],
    [profileYaml(['passcode: { title: "a\\x01" }']), /title: must be one line/],
    [profileYaml(['passcode: {}'], ['description: for %user%']), /variables are not read here: %user%/],
    [profileYaml(['passcode: { minLength: 4, minLength: 6 }']), /this key stands twice/],
  ]
  const files = { control: 'a\u0001b', binary: Buffer.from([0xff, 0xfe, 0x41]) }
  for (const [yaml, expected] of cases) t.match(mistakes(t, yaml, files).join('\n'), expected)
})

t.test('XML in texts stays text', async (t) => {
  const label = '</string><key>X</key>&amp;]]><!DOCTYPE a>'
  const profile = readGood(t, profileYaml([`webclip: { label: "${label}", url: "https://x.example/?<>" }`]))
  const built = buildProfile(templateOf(profile, organisation), { values: {}, userEnrollment: undefined })
  t.match(readPlistDict(profilePlist(built)).PayloadContent, [{ Label: label, URL: 'https://x.example/?<>' }])
})

t.test('a little that becomes very much is refused', async (t) => {
  const nested = (levels: number, times: number) =>
    Array.from({ length: levels }, (_, level) => {
      const inner = level === 0 ? 'x' : `*a${level - 1}`
      return `a${level}: &a${level} [${Array(times).fill(inner).join(', ')}]`
    }).join(', ')
  t.match(mistakes(t, raw(`{ ${nested(9, 9)} }`)), [/the aliases expand to too much/])
  t.match(mistakes(t, raw(`{ ${nested(6, 8)} }`)), [/larger than 4 MiB/])
  const long = `{ a: &a ${'x'.repeat(100_000)}, b: [${Array(90).fill('*a').join(', ')}] }`
  t.match(mistakes(t, raw(long)), [/larger than 4 MiB/])
  const anchors = Array(5000).fill('nobody').join(', ')
  const wifi = profileYaml([`wifi: { ssid: S, eap: [peap], anchors: [${anchors}] }`])
  t.equal(mistakes(t, wifi).length, 50, 'mistakes, too')
})

t.test('files that are none, or have no end, are not read', async (t) => {
  const folder = t.testdir({ 'large.yaml': '' })
  // Takes no room: it has holes only.
  truncateSync(join(folder, 'large.yaml'), 3 * 1024 ** 3)
  execFileSync('mkfifo', [join(folder, 'pipe.yaml')])
  t.match(readProfiles([folder], {}).problems, [
    { message: 'the file is larger than 1 MiB' },
    { message: /pipe.yaml is no file/ },
  ])
  t.match(readProfiles(['/dev/zero'], {}).problems, [{ message: '/dev/zero is no file' }])
  t.match(readProfiles([join(folder, 'none.yaml')], {}).problems, [{ message: /there is no such file/ }])
  t.match(readProfile('x'.repeat(2 ** 20 + 1), 'x.yaml', {}).problems, [{ message: /larger than 1 MiB/ }])
})

t.test('while very many files that changed are read again, everything else goes on', async (t) => {
  const folder = t.testdir({})
  const files = Array.from({ length: 300 }, (_, index) => join(folder, `p${index}.yaml`))
  for (const [index, file] of files.entries())
    writeFileSync(file, profileYaml(['passcode: {}']).replace('name: test', `name: p${index}`))
  const read: ReadBefore = new Map()
  const order: string[] = []
  setImmediate(() => order.push('something else'))
  await readAhead([folder], {}, read)
  order.push('all read')
  t.strictSame(order, ['something else', 'all read'])
  t.strictSame([...read.keys()].sort(), files.toSorted())
})

t.test('a file that cannot even be looked at is a mistake, and what is right again is read', async (t) => {
  const folder = t.testdir({ 'a.yaml': profileYaml(['passcode: {}']) })
  const told: string[] = []
  const profiles = ProfilesInForce.open({
    places: [folder],
    env: {},
    onReload: ({ problems }) => told.push(problems.map(({ message }) => message).join()),
  })
  const stop = new AbortController()
  const following = profiles.follow(stop.signal, () => {}, 1)
  symlinkSync('b.yaml', join(folder, 'b.yaml'))
  await eventually(() => told.length === 1)
  t.match(told[0], /b\.yaml cannot be read: ELOOP/)
  t.equal(profiles.current.length, 1, 'those before stay')
  rmSync(join(folder, 'b.yaml'))
  writeFileSync(join(folder, 'b.yaml'), profileYaml(['passcode: {}']).replace('name: test', 'name: b'))
  await eventually(() => profiles.current.length === 2)
  stop.abort()
  await following
})

t.test('what follows the files reads them so', async (t) => {
  const folder = t.testdir({ 'a.yaml': profileYaml(['passcode: {}']) })
  const profiles = ProfilesInForce.open({ places: [folder], env: {} })
  const stop = new AbortController()
  let changes = 0
  const following = profiles.follow(stop.signal, () => changes++, 1)
  writeFileSync(join(folder, 'b.yaml'), profileYaml(['passcode: {}']).replace('name: test', 'name: b'))
  await eventually(() => profiles.current.length === 2)
  stop.abort()
  await following
  t.equal(changes, 1)
})
