import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { passLines } from '../../src/supervisor/pass-lines.ts'
import { internet } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { several } from './support.ts'

t.test('lines are passed whole, however they arrive; a last one without an end is left out', async (t) => {
  const from = new PassThrough()
  const passed: string[] = []
  passLines(from, (lines) => passed.push(lines.toString()))
  for (const piece of ['{"a":', '1}\n{"b":2}\n{"c"', ':3', '}', '\n', '{"cut off']) from.write(piece)
  from.end()
  await once(from, 'end')
  t.strictSame(passed, ['{"a":1}\n{"b":2}\n', '{"c":3}\n'])
})

t.test('long lines of several processes stay whole in a pipe', async (t) => {
  // The helper parses each line: one that is mixed with another throws there.
  const { gateway } = await several(t, { processes: 3 })
  const paths = Array.from({ length: 60 }, (_, index) => `/${'x'.repeat(9_000)}/${index}`)
  await Promise.all(paths.map((path) => gateway.ask({ from: internet, path })))
  const lines = await eventually(() => {
    const found = gateway.log.filter(({ msg, path }) => msg === 'exchange' && String(path).length > 9_000)
    return found.length === 60 && found
  })
  t.strictSame(lines.map(({ path }) => path).sort(), paths.toSorted())
  t.equal(new Set(lines.map(({ process }) => process)).size, 3)
})

t.test('long lines of several processes stay whole in a file', async (t) => {
  const logTo = join(t.testdir(), 'log')
  closeSync(openSync(logTo, 'w'))
  const { gateway } = await several(t, { logTo })
  const paths = Array.from({ length: 40 }, (_, index) => `/${'x'.repeat(9_000)}/${index}`)
  await Promise.all(paths.map((path) => gateway.ask({ from: internet, path })))
  const lines = await eventually(() => {
    const found = readFileSync(logTo, 'utf8')
      .split('\n')
      .filter((line) => line.length > 9_000)
    return found.length === 40 && found
  })
  t.strictSame(lines.map((line) => JSON.parse(line).path).sort(), paths.toSorted())
})
