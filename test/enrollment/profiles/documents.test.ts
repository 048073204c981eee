import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openssl, selfSigned } from '../../helpers/openssl.ts'
import { read } from './support.ts'

const root = new URL('../../..', import.meta.url).pathname

t.test('every profile of the documents is right', async (t) => {
  const tool = openssl(t)
  selfSigned(tool, 'radius-ca')
  const files = {
    'radius-ca.crt': readFileSync(join(tool.folder, 'radius-ca.crt')),
    'removal-password': 'let me out',
  }
  const text = readFileSync(join(root, 'docs/profiles.md'), 'utf8')
  const profiles = [...text.matchAll(/```yaml\n(# [\w-]+\.yml\n[\s\S]*?)```/g)].map(([, yaml]) => yaml ?? '')
  t.ok(profiles.length >= 4)
  for (const yaml of profiles) {
    const { profile, problems } = read(t, yaml, files)
    t.strictSame(problems, [])
    t.equal(`# ${profile?.name}.yml`, yaml.split('\n')[0])
  }
})
