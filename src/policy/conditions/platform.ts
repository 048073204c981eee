import { z } from 'zod'
import { platforms } from '../../domain/client-identity.ts'
import { defineCondition } from '../condition.ts'
import { listOf, oneOrMany } from '../values.ts'

export const platform = defineCondition({
  name: 'platform',
  description: 'The operating system, as the client says.',
  example: '[ios, ipados]',
  unknown: 'neither this request nor the registration tells it',
  schema: oneOrMany(z.enum(platforms)),
  compile(value) {
    const wanted = new Set<string>(listOf(value))
    return (subject) => {
      const found = subject.facts.platform ?? subject.state?.registration.device.platform
      return found === undefined ? undefined : wanted.has(found)
    }
  },
  found: (subject) => subject.facts.platform ?? subject.state?.registration.device.platform,
  guard: (value) => listOf(value),
  guardValues(subject) {
    const found = subject.facts.platform ?? subject.state?.registration.device.platform
    return found === undefined ? undefined : [found]
  },
})
