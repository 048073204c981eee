import { z } from 'zod'
import { defineCondition } from '../condition.ts'

export const signIn = defineCondition({
  name: 'signIn',
  description: 'The request signs the user in (`true`), or it does not (`false`).',
  example: 'true',
  schema: z.boolean(),
  compile: (value) => (subject) => subject.facts.signIn === value,
  found: (subject) => String(subject.facts.signIn),
})
