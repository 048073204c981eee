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
  compile(value) {
    const wanted = new Set<string>(listOf(value))
    return (subject) => {
      const found = subject.state?.posture.state
      return found === undefined ? undefined : wanted.has(found)
    }
  },
  found: (subject) => subject.state?.posture.state,
  guard: (value) => listOf(value),
  guardValues(subject) {
    const found = subject.state?.posture.state
    return found === undefined ? undefined : [found]
  },
})
