/**
 * Reads raw TAP of a whole run, line by line: one line of progress for each test file, failures in full, and the
 * counts of the closing summary.
 */
export class TapReport {
  #write
  /** What failed inside the file that is running; shown below its line. */
  #failures = []
  /** Where the lines of the failure that we are in go; undefined between failures. */
  #sink
  #summary

  /** @param {(text: string) => void} write where progress goes */
  constructor(write) {
    this.#write = write
  }

  /** @param {string} line without its line feed */
  line(line) {
    this.#summary = summary(line) ?? this.#summary
    const file = /^(not ok|ok) \d+ - (.*?)(?: # time=([\d.]+)ms)?( \{)?$/.exec(line)
    if (file === null) this.#keepFailure(line)
    else this.#file(file)
  }

  /**
   * Assertions as tap counted them. A run that ended without a summary, or badly in spite of a good one, has failed.
   * @param {number | null} exitCode of tap
   */
  counts(exitCode) {
    const { pass = 0, fail = 0, skip = 0, todo = 0 } = this.#summary ?? {}
    const crashed = fail === 0 && (exitCode !== 0 || this.#summary === undefined)
    const empty = exitCode === 0 && pass === 0
    return { passed: pass, failed: crashed || empty ? 1 : fail, skipped: skip + todo }
  }

  #file([, outcome, name, time]) {
    const seconds = time === undefined ? '' : ` (${(Number(time) / 1000).toFixed(1)} s)`
    this.#write(`  ${outcome === 'ok' ? 'ok    ' : 'not ok'} ${name}${seconds}\n`)
    if (outcome !== 'ok') for (const failure of this.#failures) this.#write(`${failure}\n`)
    this.#failures = []
    this.#sink = outcome === 'ok' ? undefined : (line) => this.#write(`${line}\n`)
  }

  /** The lines `not ok` and the diagnostics below them. */
  #keepFailure(line) {
    const text = line.trimStart()
    if (text.startsWith('not ok')) this.#sink = (failure) => this.#failures.push(failure)
    else if (/^(ok \d|# Subtest|1\.\.)/.test(text)) this.#sink = undefined
    this.#sink?.(line)
  }
}

/** `# { total: 76, pass: 75, fail: 1 }` → { total: 76, pass: 75, fail: 1 } */
function summary(line) {
  const found = /^# \{ (total: .*) \}$/.exec(line)
  if (found === null) return undefined
  return Object.fromEntries(
    found[1].split(', ').map((part) => [part.split(': ')[0], Number(part.split(': ')[1])]),
  )
}
