import { defineCondition } from '../condition.ts'
import { listOf, nameSchema, oneOrMany } from '../values.ts'

export const registeredBy = defineCondition({
  name: 'registeredBy',
  description: 'What the client was registered by: a kind of evidence, or the name of a registration rule.',
  example: '[app, VPN]',
  unknown: 'the client is not registered',
  schema: oneOrMany(nameSchema),
  compile(value) {
    const wanted = new Set<string>(listOf(value))
    return ({ state }) => {
      if (state === undefined) return undefined
      return (
        wanted.has(state.registration.rule) || state.registration.evidence.some((kind) => wanted.has(kind))
      )
    }
  },
  found: ({ state }) =>
    state === undefined ? undefined : [state.registration.rule, ...state.registration.evidence].join(', '),
  guard: (value) => listOf(value),
  guardValues: ({ state }) =>
    state === undefined ? undefined : [state.registration.rule, ...state.registration.evidence],
})
