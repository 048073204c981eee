/**
 * The reader of the log (a container runtime, a pager) stops reading without closing its pipe. The write that waited for
 * it never returned: the gateway closed everything, and then did not end.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const sink = fileURLToPath(new URL('../../src/telemetry/line-sink.ts', import.meta.url))
const program = `
import { LineSink } from ${JSON.stringify(sink)}
const lines = new LineSink({ destination: 1 })
for (let i = 0; i < 400; i++) lines.write('x'.repeat(1000) + '\\n')
await lines.close(100)
`

t.test('a process ends although nobody reads its log', { timeout: 10_000 }, async (t) => {
  const pipe = join(t.testdir(), 'log')
  execFileSync('mkfifo', [pipe])
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(pipe, constants.O_WRONLY)
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', writer, 'inherit'],
  })
  t.teardown(() => {
    child.kill('SIGKILL')
    closeSync(reader)
  })
  closeSync(writer)
  t.same(await once(child, 'exit'), [0, null])
})
