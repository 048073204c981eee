import { z } from 'zod'
import { matches } from '../../domain/posture.ts'
import { defineCondition } from '../condition.ts'
import { listOf, oneOrMany } from '../values.ts'

export const match = defineCondition({
  name: 'match',
  description: 'How surely the registered client was matched to a record of the MDM.',
  example: '[exact, likely]',
  unknown: 'the client is not registered',
  schema: oneOrMany(z.enum(matches)),
  compile(value) {
    const wanted = new Set<string>(listOf(value))
    return (subject) => {
      const found = subject.state?.posture.match
      return found === undefined ? undefined : wanted.has(found)
    }
  },
  found: (subject) => subject.state?.posture.match,
  guard: (value) => listOf(value),
  guardValues(subject) {
    const found = subject.state?.posture.match
    return found === undefined ? undefined : [found]
  },
})
