import { EnrollmentRefused } from '../refusals.ts'

const longest = 256

/**
 * The user's name, in one spelling of its characters. Names are compared without case here, and by protected services in their own ways:
 * a provider that lets its users choose their names must not let one become another's. So what turns into plain letters when case or
 * compatibility are taken away (the Kelvin sign is a K, a full-width a is an a) is no part of a name, nor is what nobody sees.
 * @throws EnrollmentRefused
 */
export function signInName(given: string): string {
  const name = given.normalize('NFC').trim()
  if (name === '' || name.length > longest || unseen.test(name) || [...given].some(isDisguise))
    throw new EnrollmentRefused('sign-in.provider-refused', {
      cause: new Error('a user name that is empty, too long, or has characters that could be mistaken'),
    })
  return name
}

/** Control and format characters, line ends, halves of surrogate pairs, private use. */
const unseen = /[\p{C}\p{Zl}\p{Zp}]/u

function isDisguise(character: string): boolean {
  return character > '\x7f' && /^[\x00-\x7f]+$/.test(character.toLowerCase().normalize('NFKC'))
}
