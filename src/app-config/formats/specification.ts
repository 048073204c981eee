import type { AppConfiguration, Entry } from '../entries.ts'
import { xml, xmlComment } from './xml.ts'

/**
 * The AppConfig Community's specification: from it a console makes a form. It knows no variables of MDMs, so that they
 * stand in the descriptions, for the administrator to enter. Elements in the order of the schema.
 */
export function renderSpecification({ appId, entries, toCheck }: AppConfiguration): string {
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<managedAppConfiguration>',
    '  <version>1</version>',
    `  <bundleId>${xml(appId)}</bundleId>`,
    ...toCheck.map((text) => `  ${xmlComment(`To check: ${text}`)}`),
    '  <dict>',
    ...entries.flatMap(definition),
    '  </dict>',
    '  <presentation defaultLocale="en-US">',
    '    <fieldGroup>',
    `      <name>${language('Gatehouse')}</name>`,
    ...entries.flatMap(field),
    '    </fieldGroup>',
    '  </presentation>',
    '</managedAppConfiguration>',
  ].join('\n')}\n`
}

function definition({ key, kind, value }: Entry): string[] {
  const standard = kind === 'fixed' ? [`      <defaultValue><value>${xml(value)}</value></defaultValue>`] : []
  return [
    `    <string keyName="${xml(key)}">`,
    ...standard,
    '      <constraint nullable="false"/>',
    '    </string>',
  ]
}

function field({ key, title, description, kind, value }: Entry): string[] {
  const enter = kind === 'fixed' ? description : `${description} Enter: ${value}`
  return [
    `      <field keyName="${xml(key)}" type="input">`,
    `        <label>${language(title)}</label>`,
    `        <description>${language(enter)}</description>`,
    '      </field>',
  ]
}

function language(text: string): string {
  return `<language value="en-US">${xml(text)}</language>`
}
