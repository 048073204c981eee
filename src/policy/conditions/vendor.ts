import { defineCondition } from '../condition.ts'
import { listOf, nameSchema, oneOrMany } from '../values.ts'

export const vendor = defineCondition({
  name: 'vendor',
  description: 'The MDM connection that the posture comes from, by its name in the settings.',
  example: 'intune',
  unknown: 'the client is not registered, or no MDM has reported its device',
  schema: oneOrMany(nameSchema),
  compile(value) {
    const wanted = new Set<string>(listOf(value))
    return (subject) => {
      const found = subject.state?.posture.vendor
      return found === undefined ? undefined : wanted.has(found)
    }
  },
  found: (subject) => subject.state?.posture.vendor,
  guard: (value) => listOf(value),
  guardValues(subject) {
    const found = subject.state?.posture.vendor
    return found === undefined ? undefined : [found]
  },
})
