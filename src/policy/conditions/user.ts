import { defineCondition } from '../condition.ts'
import { compileNames, guardOfNames, listOf, nameSchema, oneOrMany } from '../values.ts'

export const user = defineCondition({
  name: 'user',
  description:
    'The user who signs in; between sign-ins, the user of the registration. `*` stands for any characters. Letter case does not count.',
  example: '["svc-*", room-12@example.com]',
  unknown: 'an unregistered client has not signed in yet',
  schema: oneOrMany(nameSchema),
  compile(value) {
    const matches = compileNames(listOf(value))
    return (subject) => (subject.user === undefined ? undefined : matches(subject.user))
  },
  found: (subject) => subject.user,
  guard: (value) => guardOfNames(listOf(value)),
  guardValues: (subject) => (subject.user === undefined ? undefined : [subject.user]),
})
