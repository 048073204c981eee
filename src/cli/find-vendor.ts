import type { VendorConnection } from '../settings/sections/vendors/table.ts'
import type { Settings } from '../settings/settings.ts'
import { CommandFailed } from './errors.ts'

/** @throws CommandFailed when the settings have no such connection */
export function findVendor({ compliance }: Settings, name: string): VendorConnection {
  const found = compliance.vendors.find(({ settings }) => settings.name === name)
  if (found !== undefined) return found
  const names = compliance.vendors.map(({ settings }) => settings.name)
  const known = names.length === 0 ? 'they have none' : `they have ${names.join(', ')}`
  throw new CommandFailed(`The settings have no vendor ${name} under compliance.vendors: ${known}`)
}
