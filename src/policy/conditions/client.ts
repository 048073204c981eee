import { z } from 'zod'
import { clientKinds } from '../../domain/service.ts'
import { defineCondition } from '../condition.ts'
import { listOf, oneOrMany } from '../values.ts'

export const client = defineCondition({
  name: 'client',
  description: 'The client protocol of the service.',
  example: '[activesync, lync]',
  schema: oneOrMany(z.enum(clientKinds)),
  compile(value) {
    const wanted = new Set<string>(listOf(value))
    return (subject) => wanted.has(subject.facts.client)
  },
  found: (subject) => subject.facts.client,
  guard: (value) => listOf(value),
  guardValues: (subject) => [subject.facts.client],
})
