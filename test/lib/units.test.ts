import t from 'tap'
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/lib/units.ts'

t.test('a duration is a whole number with its unit', async (t) => {
  t.equal(parseDuration('250ms'), 250)
  t.equal(parseDuration('10s'), 10_000)
  t.equal(parseDuration('20m'), 1_200_000)
  t.equal(parseDuration('1h'), 3_600_000)
  t.equal(parseDuration('7d'), 604_800_000)
})

t.test('a size is a whole number with its unit', async (t) => {
  t.equal(parseSize('200B'), 200)
  t.equal(parseSize('64KiB'), 65_536)
  t.equal(parseSize('5MiB'), 5_242_880)
  t.equal(parseSize('1GiB'), 1_073_741_824)
})

t.test('a number without its unit, or with another one, is neither', async (t) => {
  for (const text of ['', '10', '10 s', ' 10s', '1.5h', '-1s', '10S', '1w', '10s\n', '1e3s', '9999999999s']) {
    t.equal(parseDuration(text), undefined, JSON.stringify(text))
  }
  for (const text of ['64', '64KB', '64kib', '1TiB', '1.5GiB', '999999999GiB']) {
    t.equal(parseSize(text), undefined, JSON.stringify(text))
  }
})

t.test('what is written can be read again, in the largest unit that loses nothing', async (t) => {
  t.equal(formatDuration(75_000), '75s')
  t.equal(formatDuration(1_200_000), '20m')
  t.equal(formatDuration(604_800_000), '7d')
  t.equal(formatDuration(1500), '1500ms')
  t.equal(formatDuration(0), '0s')
  t.equal(formatSize(65_536), '64KiB')
  t.equal(formatSize(1_073_741_824), '1GiB')
  t.equal(formatSize(1000), '1000B')
  t.equal(formatSize(0), '0B')
})
