import { defineCondition } from '../condition.ts'
import type { Subject } from '../subject.ts'
import { compileNames, guardOfNames, listOf, nameSchema, oneOrMany } from '../values.ts'

export const model = defineCondition({
  name: 'model',
  description:
    'The device’s model, as the client says. `*` stands for any characters. Letter case does not count.',
  example: '"iPhone1*"',
  unknown: 'neither this request nor the registration tells it',
  schema: oneOrMany(nameSchema),
  compile(value) {
    const matches = compileNames(listOf(value))
    return (subject) => {
      const found = modelOf(subject)
      return found === undefined ? undefined : matches(found.toLowerCase())
    }
  },
  found: modelOf,
  guard: (value) => guardOfNames(listOf(value)),
  guardValues(subject) {
    const found = modelOf(subject)
    return found === undefined ? undefined : [found.toLowerCase()]
  },
})

function modelOf({ facts, state }: Subject): string | undefined {
  return facts.model ?? state?.registration.device.model
}
