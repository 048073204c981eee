import { createHash } from 'node:crypto'
import type { AppConfiguration, Entry } from '../entries.ts'
import { xml, xmlComment } from './xml.ts'

/** Workspace ONE’s own custom settings with the values; for the others the restrictions that the app declares. */
export function renderAndroidXml(configuration: AppConfiguration): string {
  const lines =
    configuration.vendor.androidXml === 'characteristic'
      ? characteristic(configuration)
      : restrictions(configuration)
  return `${lines.join('\n')}\n`
}

function characteristic({ appId, entries, toCheck }: AppConfiguration): string[] {
  return [
    `<characteristic type="com.airwatch.android.androidwork.app:${xml(appId)}" uuid="${uuidOf(appId)}">`,
    ...toCheck.map((text) => `  ${xmlComment(`To check: ${text}`)}`),
    ...entries.map(
      (entry) => `  <parm name="${xml(entry.key)}" value="${xml(inCustomSettings(entry))}" type="string"/>`,
    ),
    '</characteristic>',
  ]
}

/** Variables stand in double braces there. */
function inCustomSettings({ kind, value }: Entry): string {
  return kind === 'variable' ? value.replace(/\{+(\w+)\}+/g, '{{$1}}') : value
}

/** `res/xml/app_restrictions.xml`: what the app offers, from which a console makes its form. */
function restrictions({ entries, toCheck }: AppConfiguration): string[] {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<restrictions xmlns:android="http://schemas.android.com/apk/res/android">',
    ...toCheck.map((text) => `  ${xmlComment(`To check: ${text}`)}`),
    ...entries.flatMap(({ key, title, description, value }) => [
      '  <restriction',
      `    android:key="${xml(key)}"`,
      `    android:title="${xml(title)}"`,
      `    android:description="${xml(description)}"`,
      '    android:restrictionType="string"',
      `    android:defaultValue="${xml(value)}"/>`,
    ]),
    '</restrictions>',
  ]
}

/** The same for one app each time, so that a second file replaces the first (RFC 9562, version 8). */
function uuidOf(appId: string): string {
  const hex = createHash('sha256').update(`gatehouse app-config ${appId}`).digest('hex')
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
