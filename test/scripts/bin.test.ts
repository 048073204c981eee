import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../helpers/certificates.ts'
import { run } from '../helpers/run.ts'

const bin = join(import.meta.dirname, '../../bin/gatehouse')

t.test(
  'the command works from any folder, through symbolic links, whatever Node is on the path',
  async (t) => {
    const folder = temporaryFolder(t)
    symlinkSync(bin, join(folder, 'first'))
    symlinkSync('first', join(folder, 'gate house'))
    const options = { cwd: '/', env: { PATH: '/usr/bin:/bin' } }
    const { code, stdout } = await run(t, [join(folder, 'gate house'), 'version'], options)
    t.equal(code, 0)
    t.match(stdout, /\d+\.\d+\.\d+/)
  },
)

t.test('its exit status is the command’s: 2 for wrong usage', async (t) => {
  t.equal((await run(t, [bin, 'no-such-command'])).code, 2)
})
