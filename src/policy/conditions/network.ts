import { defineCondition } from '../condition.ts'
import { listOf, nameSchema, oneOrMany } from '../values.ts'

export const network = defineCondition({
  name: 'network',
  description:
    'The request comes from one of these networks (names under `networks`), or a visit to the VPN address has just proven it.',
  example: '[office-wifi, vpn]',
  schema: oneOrMany(nameSchema),
  compile(value) {
    const names = new Set(listOf(value))
    return (subject) => {
      const held = subject.networks.some((name) => names.has(name))
      if (held) subject.networkHeld = true
      return held
    }
  },
  found: ({ networks, facts }) => (networks.length === 0 ? `none (${facts.source})` : networks.join(', ')),
  guard: (value) => listOf(value),
  guardValues: ({ networks }) => networks,
})
