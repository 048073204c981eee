import { z } from 'zod'
import { defineCondition } from '../condition.ts'
import { listOf, oneOrMany } from '../values.ts'

export const method = defineCondition({
  name: 'method',
  description: 'The request method, in capitals.',
  example: '[POST, PUT]',
  schema: oneOrMany(
    z.string().regex(/^[A-Z][A-Z-]{0,31}$/, 'must be a request method in capitals, such as GET'),
  ),
  compile(value) {
    const wanted = new Set<string>(listOf(value))
    return (subject) => wanted.has(subject.facts.method)
  },
  found: (subject) => subject.facts.method,
  guard: (value) => listOf(value),
  guardValues: (subject) => [subject.facts.method],
})
