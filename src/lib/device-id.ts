/**
 * Ids of devices as systems write them, brought into one form so that equal means equal (`domain/device-ids.ts`). What
 * cannot be an id gives undefined: matching on `0` or `To Be Filled By O.E.M.` would make one device of a whole batch.
 */

/** Nothing that is longer is looked at. */
const longest = 128

/** What firmware, inventories and forms say instead of an id, upper case and without separators. */
const placeholders: ReadonlySet<string> = new Set([
  'ASSETTAG',
  'BASEBOARDSERIALNUMBER',
  'CHASSISSERIALNUMBER',
  'DEFAULT',
  'DEFAULTSTRING',
  'EMPTY',
  'ERROR',
  'FALSE',
  'INVALID',
  'NIL',
  'NONE',
  'NOTAPPLICABLE',
  'NOTAVAILABLE',
  'NOTSET',
  'NOTSPECIFIED',
  'NULL',
  'OEM',
  'SERIAL',
  'SERIALNUMBER',
  'SYSTEMSERIALNUMBER',
  'TOBEFILLEDBYOEM',
  'TOBEFILLED',
  'TRUE',
  'UDID',
  'UNDEFINED',
  'UNKNOWN',
  'UNSPECIFIED',
  '0123456789',
  '0123456789ABCDEF',
  '1234567890',
  '123456789',
  '12345678',
  '1234567',
  '123456',
  '12345',
  '1234',
])

/** UDID or another id of a whole device: upper case, without separators, 8 to 64 letters and digits. */
export function normaliseUdid(text: string | undefined): string | undefined {
  const id = bare(text)
  return id !== undefined && /^[0-9A-Z]{8,64}$/.test(id) && canBeId(id) ? id : undefined
}

/** Serial number: upper case, without separators, 4 to 64 letters and digits. */
export function normaliseSerial(text: string | undefined): string | undefined {
  const id = bare(text)
  return id !== undefined && /^[0-9A-Z]{4,64}$/.test(id) && canBeId(id) ? id : undefined
}

/**
 * IMEI as its 14 digits, of any of its forms: 14 digits, 15 with the check digit, 16 with the software version (IMEISV).
 * The check digit is not checked: some inventories write a zero in its place.
 */
export function normaliseImei(text: string | undefined): string | undefined {
  const id = bare(text)
  if (id === undefined || !/^\d{14,16}$/.test(id)) return undefined
  const digits = id.slice(0, 14)
  return canBeId(digits) ? digits : undefined
}

/** MEID as 14 hexadecimal digits in upper case, of its hexadecimal form (with or without check digit) or its 18 decimal digits. */
export function normaliseMeid(text: string | undefined): string | undefined {
  const id = bare(text)
  if (id === undefined) return undefined
  const hex = /^\d{18}$/.test(id)
    ? hexOfDecimalMeid(id)
    : /^[0-9A-F]{14,15}$/.test(id)
      ? id.slice(0, 14)
      : undefined
  return hex !== undefined && canBeId(hex) ? hex : undefined
}

/** ActiveSync DeviceId: lower case, 4 to 64 letters and digits; whatever else stands in it is dropped, as Exchange's kin do. */
export function normaliseEasId(text: string | undefined): string | undefined {
  const id = bare(text)
  return id !== undefined && /^[0-9A-Z]{4,64}$/.test(id) && canBeId(id) ? id.toLowerCase() : undefined
}

/** GUID in lower case with its hyphens, of any of its forms (in braces, without hyphens). */
export function normaliseGuid(text: string | undefined): string | undefined {
  const id = bare(text)
  if (id === undefined || !/^[0-9A-F]{32}$/.test(id) || !canBeId(id)) return undefined
  return id.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Upper case, without the separators and quotes that people and programs put in. */
function bare(text: string | undefined): string | undefined {
  if (typeof text !== 'string' || text.length > longest) return undefined
  return text
    .trim()
    .replace(/^(?:imei|meid|s\/n|sn|udid)\s*[:=]\s*/i, '')
    .replace(/[\s\-_.:/{}()"',]/g, '')
    .toUpperCase()
}

/** Neither a placeholder nor one character over and over. */
function canBeId(id: string): boolean {
  return !placeholders.has(id) && !/^(.)\1*$/.test(id)
}

/** Ten decimal digits are the manufacturer's 32 bits, eight the serial's 24 (3GPP2 S.R0048-A). */
function hexOfDecimalMeid(id: string): string | undefined {
  const high = Number(id.slice(0, 10))
  const low = Number(id.slice(10))
  if (high > 0xffffffff || low > 0xffffff) return undefined
  return (high.toString(16).padStart(8, '0') + low.toString(16).padStart(6, '0')).toUpperCase()
}
