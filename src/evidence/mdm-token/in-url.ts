import { tokenPrefix } from './text.ts'

/** A cut-off one gives away too much as well. */
const generated = new RegExp(`${tokenPrefix}[0-9a-z]{16}`, 'i')

const mostRounds = 3

/**
 * Does a token stand in a request's target? Every server, proxy and browser on the way logs targets. A generated token is
 * known by its look wherever it stands; a typed-in one by the name of its parameter.
 *
 * @param header the token's header, in lower case: a parameter of that name is taken for one
 */
export function tokenInTarget(target: string, header: string): boolean {
  if (generated.test(target)) return true
  // Some programs escape what is escaped already; who reads the log undoes it as easily.
  let text = target
  for (let round = 0; round < mostRounds && text.includes('%'); round++) {
    const plain = unescaped(text)
    if (plain === text) break
    if (generated.test(plain)) return true
    text = plain
  }
  const query = target.indexOf('?')
  return query >= 0 && hasTokenParameter(target.slice(query + 1), header)
}

function hasTokenParameter(query: string, header: string): boolean {
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    // Without a value it gives nothing away.
    if (equals < 1 || equals === pair.length - 1) continue
    const name = unescaped(pair.slice(0, equals)).toLowerCase().replaceAll('_', '-')
    if (name === header || name === 'mdmtoken' || name === 'mdm-token') return true
  }
  return false
}

/** Every escape of a byte of ASCII decoded, the others left: it never fails. */
function unescaped(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
