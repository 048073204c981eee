import { z } from 'zod'
import { evidenceKinds } from '../../domain/evidence.ts'
import { defineCondition } from '../condition.ts'
import { listOf, oneOrMany } from '../values.ts'

export const evidence = defineCondition({
  name: 'evidence',
  description:
    'What speaks for the client in this request. `network`: it comes from any network of this policy. Name the network with the condition `network` where it matters which.',
  example: '[certificate, app]',
  schema: oneOrMany(z.enum(evidenceKinds)),
  compile(value) {
    const wanted = new Set<string>(listOf(value))
    return (subject) => {
      const byNetwork = wanted.has('network') && subject.networks.length > 0
      if (byNetwork) subject.networkHeld = true
      return byNetwork || subject.facts.evidence.some((kind) => wanted.has(kind))
    }
  },
  found({ facts, networks }) {
    const kinds = networks.length > 0 ? ['network', ...facts.evidence] : facts.evidence
    return kinds.length === 0 ? 'none' : kinds.join(', ')
  },
  guard: (value) => listOf(value),
  guardValues: ({ facts, networks }) =>
    networks.length > 0 ? ['network', ...facts.evidence] : facts.evidence,
})
