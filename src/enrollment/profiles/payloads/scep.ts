import { z } from 'zod'
import type { PlistDict } from '../../../lib/plist/values.ts'
import { textMistake } from '../variables.ts'
import { custom, flag, number, secret, text, webAddress, whole } from './fields.ts'
import type { PayloadDefinition } from './payload.ts'

const subjectSentence = 'must be a mapping of C, L, ST, O, OU and CN to texts'
const subjectText = z
  .string()
  .min(1)
  .max(500)
  .superRefine((written, context) => {
    const message = textMistake(written)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })
const part = subjectText.exactOptional()

const subject = z
  .strictObject(
    { C: part, ST: part, L: part, O: part, OU: part, CN: part },
    {
      error: ({ code }) => (code === 'invalid_type' ? subjectSentence : undefined),
    },
  )
  .refine((parts) => Object.keys(parts).length > 0, subjectSentence)

/**
 * A certificate of its own for each device. Without `url`, it is Gatehouse that issues it, with a challenge that is good
 * for this device and once.
 */
export const scep: PayloadDefinition = {
  name: 'scep',
  type: 'com.apple.security.scep',
  title: 'Certificate for the device (SCEP)',
  systems: { ios: '4.0', macos: '10.7' },
  provides: 'identity',
  fields: {
    url: webAddress('PayloadContent.URL', 'Another SCEP server. Left out: Gatehouse issues the certificate.'),
    challenge: secret(
      'PayloadContent.Challenge',
      'That server’s challenge password. Gatehouse’s own are one-time, and made for each device.',
    ),
    caName: text('PayloadContent.Name', 'That server’s name of its CA.'),
    subject: custom(
      subject,
      'The name in the certificate of another SCEP server. What Gatehouse issues names the enrollment.',
      {
        key: 'PayloadContent.Subject',
        type: 'array',
        // A list of relative names, each a list of pairs.
        write: (value, writing) =>
          Object.entries(value as Readonly<Record<string, string>>).map(([name, written]) => [
            [name, writing.text(written)],
          ]), // as the schema has it
      },
      { example: { O: 'Example Corp', CN: '%user%' } },
    ),
    email: text('PayloadContent.SubjectAltName.rfc822Name', 'The mail address in the certificate.', {
      example: '%email%',
    }),
    dns: text('PayloadContent.SubjectAltName.dNSName', 'The host name in the certificate.'),
    uri: text('PayloadContent.SubjectAltName.uniformResourceIdentifier', 'The address in the certificate.'),
    principal: text(
      'PayloadContent.SubjectAltName.ntPrincipalName',
      'The Windows principal name in the certificate.',
    ),
    keySize: number('PayloadContent.Keysize', [2048, 4096], 'Bits of the RSA key.', { ours: 2048 }),
    usage: number('PayloadContent.Key Usage', [1, 4, 5], 'What the key may do: 1 sign, 4 decrypt, 5 both.', {
      ours: 5,
    }),
    extractable: flag('PayloadContent.KeyIsExtractable', 'The key can be taken out of the device.', {
      ours: false,
    }),
    retries: whole(
      'PayloadContent.Retries',
      [0, 100],
      'How often a device asks again when it is told to wait.',
    ),
    retrySeconds: whole('PayloadContent.RetryDelay', [1, 3600], 'Seconds between.'),
  },
  facts: {
    'PayloadContent.Key Usage': { macos: '10.11' },
    'PayloadContent.KeyIsExtractable': { macos: '10.13.4' },
    'PayloadContent.Retries': { macos: '10.10' },
    'PayloadContent.RetryDelay': { macos: '10.10' },
  },
  check(values) {
    const { url } = values
    if (url !== undefined)
      return values.subject === undefined
        ? [{ path: ['subject'], message: 'is missing: the server needs a name for the certificate' }]
        : []
    const message = 'belongs to another SCEP server: set `url`, or leave this out'
    return othersOnly.filter((key) => values[key] !== undefined).map((key) => ({ path: [key], message }))
  },
  finish(content, writing) {
    const settings = content.PayloadContent as PlistDict // keys with defaults lie in it
    const always = { ...settings, 'Key Type': 'RSA' }
    if (settings.URL !== undefined) return { ...content, PayloadContent: always }
    const { url, caName, subject, challenge, caFingerprint } = writing.identity
    const own = {
      ...{ URL: url, Name: caName, Subject: subject.map((pair) => [pair]), Challenge: challenge },
      ...(caFingerprint && { CAFingerprint: caFingerprint }),
    }
    return { ...content, PayloadContent: { ...always, ...own } }
  },
}

const othersOnly = ['challenge', 'caName', 'subject', 'email', 'dns', 'uri', 'principal']
