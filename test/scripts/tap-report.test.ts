import t from 'tap'
// @ts-expect-error plain JavaScript, since it runs on Node 20 before anything is installed
import { TapReport } from '../../scripts/lib/tap-report.mjs'

function reportOf(tap: string): { shown: string; counts(code: number | null): unknown } {
  let shown = ''
  const report = new TapReport((text: string) => {
    shown += text
  })
  for (const line of tap.split('\n')) report.line(line)
  return { shown, counts: (code) => report.counts(code) }
}

const good = `TAP version 14
# Subtest: test/a.test.ts
    # Subtest: one
        ok 1 - should be equal
        1..1
    ok 1 - one # time=1ms
    1..1
ok 1 - test/a.test.ts # time=120.5ms

# { total: 1, pass: 1, fail: 0 }`

t.test('each test file is one line of progress', async (t) => {
  t.equal(reportOf(good).shown, '  ok     test/a.test.ts (0.1 s)\n')
})

t.test('assertions are counted as tap counted them', async (t) => {
  t.strictSame(reportOf(good).counts(0), { passed: 1, failed: 0, skipped: 0 })
  const mixed = reportOf('# { total: 9, pass: 5, fail: 2, todo: 1, skip: 1 }')
  t.strictSame(mixed.counts(1), { passed: 5, failed: 2, skipped: 2 })
})

t.test('a run that crashed, ended badly or ran nothing has failed', async (t) => {
  t.match(reportOf('TAP version 14').counts(0), { failed: 1 })
  t.match(reportOf('TAP version 14').counts(null), { failed: 1 })
  t.match(reportOf(good).counts(1), { failed: 1 })
  t.match(reportOf('# { total: 0, pass: 0, fail: 0 }').counts(0), { failed: 1 })
})

t.test('a failure is shown with its diagnostics, what passed beside it is not', async (t) => {
  const { shown } = reportOf(`# Subtest: test/a.test.ts
    # Subtest: fine
        ok 1 - this is fine
    ok 1 - fine # time=1ms
    # Subtest: broken
        not ok 1 - should be equal
          ---
          diff: one thing, another thing
          ...
    not ok 2 - broken # time=1ms
not ok 1 - test/a.test.ts # time=5ms
  ---
  exitCode: 1
  ...`)
  t.match(shown, 'not ok 1 - should be equal')
  t.match(shown, 'diff: one thing')
  t.match(shown, 'not ok 2 - broken')
  t.match(shown, '  not ok test/a.test.ts')
  t.match(shown, 'exitCode: 1')
  t.notMatch(shown, 'this is fine')
})
