import { defineCondition } from '../condition.ts'
import { listOf, nameSchema, oneOrMany } from '../values.ts'

export const service = defineCondition({
  name: 'service',
  description: 'The service that is asked for, by its name in the settings.',
  example: 'mail',
  schema: oneOrMany(nameSchema),
  compile(value) {
    const wanted = new Set<string>(listOf(value))
    return (subject) => wanted.has(subject.facts.service)
  },
  found: (subject) => subject.facts.service,
  guard: (value) => listOf(value),
  guardValues: (subject) => [subject.facts.service],
})
