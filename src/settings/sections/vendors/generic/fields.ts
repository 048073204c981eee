import { z } from 'zod'
import { pointer } from './pointer.ts'

/** JSON pointers within a device's record; of several, the first that holds something counts. */
export type Pointers = readonly string[]

export const fieldNames = [
  'udid',
  'serial',
  'imei',
  'meid',
  'easDeviceId',
  'entraDeviceId',
  'userName',
  'upn',
  'email',
  'platform',
  'model',
  'modelCode',
  'osVersion',
  'management',
  'compliance',
  'graceUntil',
  'compromised',
  'lastSeen',
  'reasons',
] as const

export type FieldName = (typeof fieldNames)[number]

export type GenericFields = { readonly id: Pointers } & { readonly [Name in FieldName]?: Pointers }

const descriptions: Readonly<Record<FieldName, string>> = {
  udid: 'The UDID, or another id of the whole device.',
  serial: 'The serial number.',
  imei: 'The IMEI; of several pointers and of a list, all count.',
  meid: 'The MEID.',
  easDeviceId: 'The ActiveSync DeviceId; of several pointers and of a list, all count.',
  entraDeviceId: 'The Microsoft Entra (Azure AD) device id.',
  userName: 'The user’s name at sign-in.',
  upn: 'The user’s principal name (UPN).',
  email: 'The user’s e-mail address.',
  platform: 'The platform.',
  model: 'The model as people call it.',
  modelCode: 'The hardware code, such as iPhone15,2.',
  osVersion: 'The version of the operating system.',
  management: 'The state of the enrolment; `values.management` says what it means.',
  compliance: 'The state of compliance; `values.compliance` says what it means.',
  graceUntil: 'The end of a period of grace.',
  compromised: 'Jailbroken or rooted: true or false, or as `values.compromised` says.',
  lastSeen: 'The last contact between the device and its MDM.',
  reasons:
    'Why it is out of compliance, in the vendor’s words; of several pointers and of a list, all count.',
}

const written = z.union([pointer(), z.array(pointer()).min(1).max(8)])

function pointers() {
  return z.codec(written, z.custom<Pointers>(), {
    decode: (one) => [one].flat(),
    // zod encodes optional values that are absent, too, and then drops them.
    encode: (each: Pointers | undefined = []) => (each.length === 1 ? (each[0] ?? '') : [...each]),
  })
}

const optional = Object.fromEntries(
  fieldNames.map((name) => [name, pointers().exactOptional().meta({ description: descriptions[name] })]),
)

export const genericFields = z.strictObject({
  id: pointers().meta({ description: 'The vendor’s own stable id of the device.', examples: ['/id'] }),
  ...(optional as Record<FieldName, (typeof optional)[string]>), // one for each name
})

/** A word that two of the lists hold. */
export function duplicateWord(lists: readonly (readonly string[] | undefined)[]): string | undefined {
  const seen = new Set<string>()
  for (const word of lists.flatMap((list) => list ?? [])) {
    if (seen.has(word.toLowerCase())) return word
    seen.add(word.toLowerCase())
  }
  return undefined
}
