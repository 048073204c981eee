import { isGenerated, isTokenText, longestToken, tokenPrefix } from './text.ts'

/**
 * Is a token that an administrator typed in hard enough to guess? Estimates of entropy please everybody; these rules
 * catch what people really type: words, years, keyboard rows, one character held down, a short thing written twice.
 */

const shortest = 20
/** Of what is left without runs and common words. */
const leastRest = 16
const leastDifferent = 8

/** @returns why it is refused, as the end of the sentence "The token …"; undefined: it is strong enough */
export function weaknessOf(token: string): string | undefined {
  if (token.length > longestToken) return `is longer than ${longestToken} characters`
  if (token.length < shortest) return `has fewer than ${shortest} characters`
  if (!isTokenText(token))
    return 'holds a character that is not allowed; allowed are letters, digits and ! # * + - . / : = ? @ ^ _ ~'
  if (token.startsWith(tokenPrefix) && !isGenerated(token))
    return `begins with ${tokenPrefix} as generated ones do, and its checksum does not fit: it was mistyped or cut off`
  if (kinds(token) < 2) return 'is of one kind of characters only: mix letters and digits'
  if (isRepetition(token)) return 'is a shorter text written several times'
  if (new Set(token).size < leastDifferent) return `has fewer than ${leastDifferent} different characters`
  const word = commonWords.find((common) => token.toLowerCase().includes(common))
  const rest = withoutRuns(withoutWords(token))
  if (rest >= leastRest) return undefined
  return word === undefined
    ? 'consists largely of repeated or consecutive characters'
    : `rests on common words such as “${word}”: without them too little is left`
}

function kinds(token: string): number {
  return [/[a-z]/i, /\d/, /[^a-z\d]/i].filter((kind) => kind.test(token)).length
}

/** A text that is found in itself doubled, before its end, is a repetition. */
function isRepetition(token: string): boolean {
  return (token + token).indexOf(token, 1) < token.length
}

function withoutWords(token: string): string {
  return commonWords.reduce((text, word) => text.replaceAll(word, ''), token.toLowerCase())
}

/** How many characters are left when those that continue a run (`aaaa`, `1234`, `dcba`) count for nothing. */
function withoutRuns(text: string): number {
  let left = 0
  for (let i = 0; i < text.length; i++) {
    const step = stepAt(text, i)
    const continues = step !== undefined && Math.abs(step) <= 1 && step === stepAt(text, i - 1)
    if (!continues) left++
  }
  return left
}

function stepAt(text: string, i: number): number | undefined {
  return i < 1 ? undefined : text.charCodeAt(i) - text.charCodeAt(i - 1)
}

/** Longest first, so that no part of one is left over. */
const commonWords: readonly string[] = [
  ...['gatehouse', 'mobileiron', 'workspace', 'enrollment', 'compliance', 'management', 'organisation'],
  ...[
    'password',
    'passwort',
    'passw0rd',
    'p4ssw0rd',
    'p@ssw0rd',
    'kennwort',
    'changeme',
    'letmein',
    'welcome',
  ],
  ...['willkommen', 'geheim', 'secret', 'default', 'example', 'company', 'firma', 'corporate', 'enterprise'],
  ...['managed', 'airwatch', 'maas360', 'intune', 'citrix', 'pingid', 'mobile', 'device', 'phone', 'token'],
  ...[
    'admin',
    'administrator',
    'master',
    'login',
    'access',
    'gateway',
    'server',
    'system',
    'testing',
    'test',
  ],
  ...[
    'qwertzuiop',
    'qwertyuiop',
    'asdfghjkl',
    'zxcvbnm',
    'yxcvbnm',
    'qwerty',
    'qwertz',
    'asdfgh',
    '1q2w3e4r',
  ],
  ...['january', 'february', 'march', 'april', 'summer', 'sommer', 'winter', 'spring', 'autumn', 'herbst'],
  ...['iloveyou', 'monkey', 'dragon', 'football', 'abc123', '123456', '2023', '2024', '2025', '2026', '2027'],
].toSorted((a, b) => b.length - a.length)
