import type { PlistDict } from '../../lib/plist/values.ts'

const keys = [
  'UDID',
  'EnrollmentID',
  'UserID',
  'UserShortName',
  'EnrollmentUserID',
  'Status',
  'CommandUUID',
] as const

/**
 * What a report is about, out of a body that cannot be read: these keys, each at most once and with a plain text. It tells of
 * nothing but one command of the device that has proved to be its sender.
 * @returns undefined when it does not say so much without doubt
 */
export function skimReport(body: Buffer): PlistDict | undefined {
  const text = body.toString('latin1')
  if (/<!(?:ENTITY|DOCTYPE[^<>[]*[<[])/i.test(text) || text.includes('<key>MessageType</key>'))
    return undefined
  const found: Record<string, string> = {}
  for (const key of keys) {
    const parts = text.split(`<key>${key}</key>`)
    if (parts.length > 2) return undefined
    const value = /^\s{0,64}<string>([\w.:-]{1,128})<\/string>/.exec(parts[1] ?? '')?.[1]
    if (parts.length === 2 && value === undefined) return undefined
    if (value !== undefined) found[key] = value
  }
  return found.CommandUUID === undefined || found.Status === undefined ? undefined : found
}
