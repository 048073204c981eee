import { z } from 'zod'
import { postureStates } from '../../domain/posture.ts'
import { defineCondition } from '../condition.ts'
import { listOf, oneOrMany } from '../values.ts'

export const posture = defineCondition({
  name: 'posture',
  description:
    'What the MDM says of the registered device. `unknown` is a value too: no MDM has reported the device yet.',
  example: 'compliant',
  unknown: 'the client is not registered',
  schema: oneOrMany(z.enum(postureStates)),
  compile(value, { closing }) {
    const wanted = new Set<string>(listOf(value))
    // Vendors that disagree: the stricter one holds where a rule turns away what it says.
    if (closing && wanted.has('noncompliant')) wanted.add('conflict')
    return (subject) => {
      const found = subject.state?.posture.state
      return found === undefined ? undefined : wanted.has(found)
    }
  },
  found: (subject) => subject.state?.posture.state,
  guard: (value) => listOf(value),
  guardValues(subject) {
    const found = subject.state?.posture.state
    if (found === undefined) return undefined
    return found === 'conflict' ? ['conflict', 'noncompliant'] : [found]
  },
})
