import { openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LineSink } from '../../src/telemetry/line-sink.ts'

t.test('every line arrives whole and in order, short and long, whatever characters it holds', async (t) => {
  const file = join(t.testdir(), 'log')
  const sink = new LineSink({ destination: file })
  const lines = Array.from({ length: 5_000 }, (_, i) => `${i} ${'é€😀'.repeat(i % 40)}\n`)
  lines.splice(2_500, 0, `${'x'.repeat(200_000)}\n`)
  for (const line of lines) sink.write(line)
  await sink.close()
  t.ok(readFileSync(file, 'utf8') === lines.join(''))
  t.equal(statSync(file).mode & 0o777, 0o600)
})

t.test('a log that cannot be written is told once, loses lines and nothing else', async (t) => {
  const conditions: (boolean | string | undefined)[] = []
  const sink = new LineSink({
    destination: openSync('/dev/full', 'w'),
    onCondition: (ok, detail) => conditions.push(ok, detail),
  })
  sink.write('one\n')
  sink.flush()
  sink.write('two\n')
  await sink.close(50)
  t.strictSame(conditions, [false, 'the log cannot be written: ENOSPC'])
})
