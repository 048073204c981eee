import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = new URL('../..', import.meta.url).pathname

/** Where Apple's published schema (github.com/apple/device-management) lies, if it is on this machine. */
export function appleSchema(): string | undefined {
  return [
    process.env.GATEHOUSE_APPLE_SCHEMA,
    join(root, '../apple-device-management'),
    join(root, '../shared/reference/apple-device-management'),
  ].find((path): path is string => path !== undefined && existsSync(join(path, 'mdm/commands')))
}
