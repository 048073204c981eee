/**
 * The values of every cookie called `name` in the given Cookie header lines, in order (RFC 6265, section 5.4: there
 * may be several, and a server cannot tell them apart). Names are compared exactly.
 */
export function cookieValues(lines: readonly string[], name: string): string[] {
  const values: string[] = []
  for (const line of lines) {
    if (line.includes(name)) collect(line, name, values)
  }
  return values
}

function collect(line: string, name: string, values: string[]): void {
  for (const pair of line.split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === name) values.push(pair.slice(equals + 1).trim())
  }
}
