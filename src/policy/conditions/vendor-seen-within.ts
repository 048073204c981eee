import { formatDuration } from '../../lib/units.ts'
import { defineCondition } from '../condition.ts'
import { durationSchema, milliseconds } from '../values.ts'

export const vendorSeenWithin = defineCondition({
  name: 'vendorSeenWithin',
  description: 'The MDM reported the device no longer ago than this.',
  example: '24h',
  unknown: 'the client is not registered, or no MDM has reported its device',
  schema: durationSchema,
  compile(value) {
    const longest = milliseconds(value)
    return ({ state, now }) => {
      const checkedAt = state?.posture.checkedAt
      return checkedAt === undefined ? undefined : now - checkedAt <= longest
    }
  },
  found({ state, now }) {
    const checkedAt = state?.posture.checkedAt
    return checkedAt === undefined ? undefined : `${formatDuration(Math.max(0, now - checkedAt))} ago`
  },
})
