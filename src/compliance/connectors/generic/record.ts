import type { ManagedDevice } from '../../../domain/managed-device.ts'
import { atJsonPointer, type JsonPointer, parseJsonPointer } from '../../../lib/json-pointer.ts'
import type { FieldName } from '../../../settings/sections/vendors/generic/fields.ts'
import type { GenericVendorSettings, Words } from '../../../settings/sections/vendors/generic.ts'
import { managedDevice } from '../parts/device.ts'
import { flag, instantOf, textOf, type VendorRecord } from '../parts/record.ts'

export type ReadGeneric = (record: VendorRecord) => ManagedDevice | undefined

/** Makes the reader of a record, from the settings' map of fields. What is not mapped stays unknown. */
export function genericReader({ name, fields, values, assume, times }: GenericVendorSettings): ReadGeneric {
  const at = new Map(
    Object.entries(fields).map(([field, pointers]) => [field, (pointers ?? []).map(parseJsonPointer)]),
  )
  const words = {
    compliance: dictionary(values.compliance),
    management: dictionary(values.management),
    platform: dictionary(values.platform),
    compromised: dictionary(values.compromised),
  }
  return (record) => {
    const text = (field: FieldName | 'id') => firstText(record, at.get(field))
    const texts = (field: FieldName) => allTexts(record, at.get(field))
    const instant = (field: FieldName) => firstInstant(record, at.get(field), times)
    const id = text('id')
    if (id === undefined) return undefined
    const platform = text('platform')
    return managedDevice(name, {
      id,
      udid: text('udid'),
      serial: text('serial'),
      imei: texts('imei').flatMap((imei) => imei.split(/[,;/]/)),
      meid: text('meid'),
      easDeviceId: texts('easDeviceId'),
      entraDeviceId: text('entraDeviceId'),
      userName: text('userName'),
      upn: text('upn'),
      email: text('email'),
      platform: meaning(words.platform, platform) ?? platform ?? assume.platform,
      model: text('model'),
      modelCode: text('modelCode'),
      osVersion: text('osVersion'),
      management: at.has('management')
        ? (meaning(words.management, text('management')) ?? 'unknown')
        : (assume.management ?? 'unknown'),
      compliance: meaning(words.compliance, text('compliance')) ?? 'unknown',
      graceUntil: instant('graceUntil'),
      compromised: compromised(text('compromised'), words.compromised),
      lastSeen: instant('lastSeen'),
      reasons: texts('reasons'),
    })
  }
}

function dictionary<Value extends string>(words: Words<Value>): ReadonlyMap<string, Value> {
  return new Map(
    Object.entries<readonly string[] | undefined>(words).flatMap(
      ([value, each]) => (each ?? []).map((word) => [word.toLowerCase(), value as Value] as const), // the keys are the values
    ),
  )
}

function meaning<Value>(words: ReadonlyMap<string, Value>, word: string | undefined): Value | undefined {
  return word === undefined ? undefined : words.get(word.toLowerCase())
}

function compromised(
  word: string | undefined,
  words: ReadonlyMap<string, 'yes' | 'no'>,
): boolean | undefined {
  const meant = meaning(words, word)
  return meant === undefined ? flag({ word }, 'word') : meant === 'yes'
}

/** True and false count as words: a vendor's `compliant: true` is mapped like any other. */
function wordOf(value: unknown): string | undefined {
  return typeof value === 'boolean' ? String(value) : textOf(value)
}

function firstText(record: VendorRecord, pointers: readonly JsonPointer[] = []): string | undefined {
  for (const pointer of pointers) {
    const text = wordOf(atJsonPointer(record, pointer))
    if (text !== undefined) return text
  }
  return undefined
}

const mostValues = 32

function allTexts(record: VendorRecord, pointers: readonly JsonPointer[] = []): string[] {
  const values = pointers.flatMap((pointer) => [atJsonPointer(record, pointer)].flat().slice(0, mostValues))
  return values.flatMap((value) => wordOf(value) ?? [])
}

function firstInstant(
  record: VendorRecord,
  pointers: readonly JsonPointer[] = [],
  times: GenericVendorSettings['times'],
): number | undefined {
  for (const pointer of pointers) {
    const value = atJsonPointer(record, pointer)
    const seconds = times === 'seconds' ? Number(textOf(value)) * 1000 : value
    const instant = instantOf(seconds)
    if (instant !== undefined) return instant
  }
  return undefined
}
