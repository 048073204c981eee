import { z } from 'zod'
import { boundedMemo } from '../../lib/bounded-memo.ts'
import { defineCondition, type Truth } from '../condition.ts'
import type { Subject } from '../subject.ts'
import { listOf, oneOrMany } from '../values.ts'
import { compileVersions, parseVersion } from '../versions.ts'

const message = 'must be a version in quotes such as "<17.5", ">=14", ">=14 <17" or "17.5"'

const constraint = z.string({ error: message }).check(({ value, issues }) => {
  if (compileVersions(value) === undefined) issues.push({ code: 'custom', input: value, message })
})

export const osVersion = defineCondition({
  name: 'osVersion',
  description:
    'The version of the operating system, as the client says, compared number by number: `"<17.5"`, `">=14 <17"` (both), `"17"` (17 and its point releases). Put it in quotes.',
  example: '"<17.5"',
  unknown: 'neither this request nor the registration tells it, or what it tells is no version',
  schema: oneOrMany(constraint, message),
  compile(value) {
    const judge = remembering(compileConstraints(listOf(value)))
    return (subject) => judge(versionOf(subject) ?? '')
  },
  found: versionOf,
  guard(value) {
    const constraints = compileConstraints(listOf(value))
    return { values: listOf(value), admits: (text) => constraints(text) !== false }
  },
  guardValues(subject) {
    const text = versionOf(subject)
    return text === undefined ? undefined : [text]
  },
})

type Judge = (text: string) => Truth

function compileConstraints(texts: readonly string[]): Judge {
  // The schema has refused what cannot be compiled.
  const constraints = texts.map((text) => compileVersions(text)!)
  return (text) => {
    const version = parseVersion(text)
    return version === undefined ? undefined : constraints.some((holds) => holds(version))
  }
}

/** There are few versions and many requests. */
function remembering(judge: Judge): Judge {
  const known = boundedMemo(500, (text) => ({ truth: judge(text) }))
  return (text) => known(text).truth
}

function versionOf({ facts, state }: Subject): string | undefined {
  return facts.osVersion ?? state?.registration.device.osVersion
}
