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
  return `${[...head, ...dict, '</plist>'].join('\n')}\n`
}

const head = [
  '<?xml version="1.0" encoding="UTF-8"?>',
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
  '<plist version="1.0">',
]
