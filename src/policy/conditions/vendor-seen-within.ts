import { formatDuration } from '../../lib/units.ts'
import { defineCondition } from '../condition.ts'
import { durationSchema, milliseconds } from '../values.ts'
import { vendorSeenAt } from '../vendor-seen.ts'

export const vendorSeenWithin = defineCondition({
  name: 'vendorSeenWithin',
  description: 'The MDM reported the device no longer ago than this.',
  example: '24h',
  unknown: 'the client is not registered, or no MDM has reported its device',
  schema: durationSchema,
  compile(value) {
    const longest = milliseconds(value)
    return (subject) => {
      const seenAt = vendorSeenAt(subject.state, subject.facts)
      return seenAt === undefined ? undefined : subject.now - seenAt <= longest
    }
  },
  found({ state, facts, now }) {
    const seenAt = vendorSeenAt(state, facts)
    return seenAt === undefined ? undefined : `${formatDuration(Math.max(0, now - seenAt))} ago`
  },
})
