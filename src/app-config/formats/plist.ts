import { plistHead } from '../../lib/plist/write.ts'
import type { AppConfiguration } from '../entries.ts'
import { xml, xmlComment } from './xml.ts'

/** The values for `com.apple.configuration.managed`: a property list, or its bare `<dict>` where the console wants that. */
export function renderPlist({ vendor, entries, toCheck }: AppConfiguration): string {
  const lines = entries.flatMap(({ key, value }) => [
    `  <key>${xml(key)}</key>`,
    `  <string>${xml(value)}</string>`,
  ])
  const dict = [
    '<dict>',
    ...toCheck.map((text) => `  ${xmlComment(`To check: ${text}`)}`),
    ...lines,
    '</dict>',
  ]
  if (vendor.bareDict) return `${dict.join('\n')}\n`
  return `${[...plistHead, ...dict, '</plist>'].join('\n')}\n`
}
