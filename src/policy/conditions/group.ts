import { defineCondition, type Truth } from '../condition.ts'
import type { Subject } from '../subject.ts'
import { listOf, nameSchema, oneOrMany } from '../values.ts'

export const group = defineCondition({
  name: 'group',
  description:
    'The user is in one of these groups: of `groups` in this file, or of those that a verified token carries.',
  example: 'contractors',
  unknown:
    'an unregistered client has not signed in yet, or the group is not listed in this file and the request carries no groups',
  schema: oneOrMany(nameSchema),
  compile(value, { definesGroup, isMember }) {
    const names = listOf(value)
    const listed = names.filter(definesGroup)
    const onlyInTokens = listed.length < names.length
    return ({ user, facts }: Subject): Truth => {
      if (facts.groups.some((name) => names.includes(name))) return true
      if (user === undefined) return undefined
      if (listed.some((name) => isMember(name, user))) return true
      return onlyInTokens && facts.groups.length === 0 ? undefined : false
    }
  },
  found({ user, facts }) {
    if (user === undefined && facts.groups.length === 0) return undefined
    return `${user ?? 'nobody yet'}${facts.groups.length > 0 ? ` (${facts.groups.join(', ')})` : ''}`
  },
  guard(value, { definesGroup }) {
    return listOf(value).every(definesGroup) ? listOf(value) : undefined
  },
  guardValues({ user, facts }, { groupsOf }) {
    if (user === undefined) return facts.groups.length === 0 ? undefined : 'any'
    const listed = groupsOf(user)
    return facts.groups.length === 0 ? listed : [...new Set([...listed, ...facts.groups])]
  },
})
