import { rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ReadBefore, readProfiles, stampOf } from '../../../src/enrollment/profiles/read-profiles.ts'
import { mistakes, profileYaml } from './support.ts'

const yaml = (name: string, payload = 'passcode: {}') => profileYaml([payload]).replace('test', name)

t.test('of very many files only those are read again that changed, or whose secret did', async (t) => {
  const folder = t.testdir({ secret: 'one', one: '', profiles: {} })
  const places = [join(folder, 'profiles')]
  const file = (name: string) => join(folder, 'profiles', `${name}.yaml`)
  const withSecret = 'identity: { file: ../p12, password: { file: ../secret } }'
  writeFileSync(join(folder, 'p12'), Buffer.from([0x30, 0]))
  writeFileSync(file('a'), yaml('a'))
  writeFileSync(file('b'), yaml('b', withSecret))
  const before: ReadBefore = new Map()
  const read = () => readProfiles(places, {}, before).profiles ?? []
  const [a, b] = read()
  t.strictSame(
    read().map((profile) => [a, b].includes(profile)),
    [true, true],
  )
  const stamp = stampOf(places, [a!, b!])
  writeFileSync(join(folder, 'secret'), 'two')
  utimesSync(join(folder, 'secret'), 0, 0)
  t.not(stampOf(places, [a!, b!]), stamp)
  const [a2, b2] = read()
  t.equal(a2, a)
  t.not(b2, b)
  writeFileSync(file('a'), yaml('a', 'passcode: { minLength: 8 }'))
  t.not(read()[0], a)
  writeFileSync(file('a'), 'name: [')
  t.equal(readProfiles(places, {}, before).profiles, undefined)
  writeFileSync(file('a'), yaml('a'))
  t.equal(read().length, 2)
  rmSync(file('a'))
  t.equal(read().length, 1)
})

t.test('a file that is no file, or too large for what it should be, is not read', async (t) => {
  t.match(mistakes(t, profileYaml(['certificate: { file: /dev/zero }'])), [/\/dev\/zero is no file/])
  const large = { 'large.crt': Buffer.alloc(1024 * 1024 + 1) }
  t.match(mistakes(t, profileYaml(['certificate: { file: large.crt }']), large), [/larger than 1 MiB/])
})
