import { z } from 'zod'
import { bindings } from '../../domain/client-identity.ts'
import { defineCondition } from '../condition.ts'
import { listOf, oneOrMany } from '../values.ts'

export const binding = defineCondition({
  name: 'binding',
  description: 'How the registered client is recognised again.',
  example: '[certificate, key]',
  unknown: 'the client is not registered',
  schema: oneOrMany(z.enum(bindings)),
  compile(value) {
    const wanted = new Set<string>(listOf(value))
    return (subject) => {
      const found = subject.state?.registration.binding
      return found === undefined ? undefined : wanted.has(found)
    }
  },
  found: (subject) => subject.state?.registration.binding,
  guard: (value) => listOf(value),
  guardValues(subject) {
    const found = subject.state?.registration.binding
    return found === undefined ? undefined : [found]
  },
})
