import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import type { Organisation } from '../../../src/enrollment/profiles/build-profile.ts'
import type { Profile } from '../../../src/enrollment/profiles/profile.ts'
import { readProfile } from '../../../src/enrollment/profiles/read-profile.ts'

export const organisation: Organisation = {
  name: 'Example Corp',
  identifier: 'com.example.mdm',
  scepUrl: 'https://mdm.example.com/scep',
  revisionKey: Buffer.alloc(32, 7),
}

export const env = { MAIL_PASSWORD: 'correct horse', REMOVAL: 'let me out' }

/** Reads a profile from its lines, beside `files`. */
export function read(t: Test, lines: string, files: Readonly<Record<string, string | Buffer>> = {}) {
  const folder = t.testdir()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return readProfile(lines, join(folder, 'profile.yaml'), env)
}

export function readGood(t: Test, lines: string, files?: Readonly<Record<string, string | Buffer>>): Profile {
  const { profile, problems } = read(t, lines, files)
  if (profile === undefined)
    throw new Error(problems.map(({ key, message }) => `${key}: ${message}`).join('\n'))
  return profile
}

/** The mistakes as `line:column key: message`. */
export function mistakes(
  t: Test,
  lines: string,
  files?: Readonly<Record<string, string | Buffer>>,
): string[] {
  return read(t, lines, files).problems.map(
    ({ line, column, key, message }) => `${line}:${column} ${key}: ${message}`,
  )
}

/** A profile with these payloads, for everyone. */
export function profileYaml(payloads: readonly string[], more: readonly string[] = []): string {
  return [
    'name: test',
    'title: Test',
    'assign: { everyone: true }',
    ...more,
    'payloads:',
    ...payloads.map((one) => `  - ${one}`),
  ].join('\n')
}
