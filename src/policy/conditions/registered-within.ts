import { formatDuration } from '../../lib/units.ts'
import { defineCondition } from '../condition.ts'
import { durationSchema, milliseconds } from '../values.ts'

export const registeredWithin = defineCondition({
  name: 'registeredWithin',
  description: 'The client was registered no longer ago than this.',
  example: '1h',
  unknown: 'the client is not registered',
  schema: durationSchema,
  compile(value) {
    const longest = milliseconds(value)
    return ({ state, now }) =>
      state === undefined ? undefined : now - state.registration.registeredAt <= longest
  },
  found: ({ state, now }) =>
    state === undefined
      ? undefined
      : `${formatDuration(Math.max(0, now - state.registration.registeredAt))} ago`,
})
