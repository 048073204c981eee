import { z } from 'zod'
import { jsonSchemaOf } from '../../settings/json-schema.ts'
import { keysTable } from '../../settings/reference.ts'
import type { Field, Fields, PayloadDefinition } from './payloads/payload.ts'
import { payloadKinds, payloadSchema, profileSchema } from './profile-schema.ts'
import { variables } from './variables.ts'

/** `docs/reference/profiles.md`: every key of every payload, from the same place as its type and range. */
export function profilesReference(): string {
  const { payloads: _, ...frame } = profileSchema.shape
  const names = Object.entries(variables).map(([name, what]) => `- \`%${name}%\`: ${what}`)
  return `${[
    intro,
    keysTable(jsonSchemaOf(z.strictObject(frame))),
    `## Variables\n\n${names.join('\n')}\n\n\`%%\` is a percent sign. A profile whose variable has no value for somebody is not sent to them.`,
    ...payloadKinds.map(section),
  ].join('\n\n')}\n`
}

const intro = `# Profiles

The keys of a profile’s file; \`enrollment.profiles.files\` says where the files are. How profiles are assigned, sent and kept:
[profiles.md](../profiles.md). Editors complete and check a file that begins with
\`# yaml-language-server: $schema=schema/profile.schema.json\`.`

function section(payload: PayloadDefinition): string {
  const { name, title, type, systems, userEnrollment } = payload
  const on = [
    systems.ios !== undefined && `iOS and iPadOS from ${systems.ios}`,
    systems.macos !== undefined && `macOS from ${systems.macos}`,
  ].filter(Boolean)
  const head = type === '' ? '' : ` \`${type}\`: ${on.join(', ')}.`
  const where = { forbidden: 'user enrollments', 'forbidden-on-macs': 'user enrollments of Macs' }
  const forbidden = userEnrollment === undefined ? '' : ` Not in ${where[userEnrollment]}.`
  const limits = limitsOf(payload.fields, payload, '')
  return [
    `## \`${name}\`\n\n${title}.${head}${forbidden}`,
    keysTable(jsonSchemaOf(payloadSchema(payload))),
    ...(limits.length === 0 ? [] : [`Not everywhere:\n\n${limits.join('\n')}`]),
  ].join('\n\n')
}

function limitsOf(fields: Fields, payload: PayloadDefinition, prefix: string): string[] {
  return Object.entries(fields).flatMap(([name, field]) => [
    ...limitOf(`${prefix}${name}`, field, payload),
    ...(field.fields === undefined ? [] : limitsOf(field.fields, payload, `${prefix}${name}.`)),
  ])
}

function limitOf(name: string, { key }: Field, { systems, facts }: PayloadDefinition): string[] {
  const own = key === undefined ? undefined : facts?.[key]
  if (own === undefined) return []
  const { ios, macos, supervised, userEnrollment, macosUserEnrollment } = own
  const onMacs = systems.macos !== undefined && macos !== 'n/a'
  const words = [
    ios !== undefined && `iOS ${ios}`,
    macos !== undefined && (macos === 'n/a' ? 'not on macOS' : `macOS ${macos}`),
    supervised && (onMacs ? 'on iOS supervised only' : 'supervised only'),
    userEnrollment === 'forbidden' &&
      (macosUserEnrollment === 'allowed' ? 'not in user enrollments of iOS' : 'not in user enrollments'),
    userEnrollment === undefined && macosUserEnrollment === 'forbidden' && 'not in user enrollments of Macs',
    userEnrollment === 'ignored' && 'without effect in user enrollments',
  ].filter(Boolean)
  return [`- \`${name}\`: ${words.join(', ')}`]
}
