import { text, type VendorRecord } from './record.ts'

/** Privacy options of MDM systems put asterisks in the place of what an account may not see: no id is made of them. */
export function visible(record: VendorRecord, ...names: readonly string[]): string | undefined {
  const value = text(record, ...names)
  return value === undefined || isMasked(value) ? undefined : value
}

/** A reason that tells the administrator why such a device matches nobody. */
export function hiddenIds(record: VendorRecord, ...names: readonly string[]): readonly string[] {
  const hidden = names.some((name) => isMasked(text(record, name) ?? ''))
  return hidden ? ['The MDM hides ids or users from this account'] : []
}

function isMasked(value: string): boolean {
  return /^\*+$|\*{3}/.test(value)
}
