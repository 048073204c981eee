import type { DeviceAttributes } from '../../domain/enrolling-user.ts'
import { MalformedInput } from '../../lib/malformed-input.ts'
import { dataField, textField } from '../../lib/plist/fields.ts'
import { readPlistDict } from '../../lib/plist/read.ts'
import type { PlistDict } from '../../lib/plist/values.ts'
import { EnrollmentRefused } from '../refusals.ts'

/** What a device sends in phases 2 and 3, and as MachineInfo: the same keys. */
export interface SentAttributes {
  readonly attributes: DeviceAttributes
  /** Of phase 2. */
  readonly challenge?: string
}

const limits = { maxBytes: 64 * 1024, maxDepth: 8 }
/** Attributes are kept and shown; nothing that a device has is longer. */
const longest = 256

/** Forty hexadecimal digits, `00008110-…` or a UUID, and whatever the next generation has. */
const udidPattern = /^[A-Za-z0-9-]{1,64}$/

/** @throws EnrollmentRefused */
export function readAttributes(content: Buffer, verified: boolean): SentAttributes {
  const dict = readDict(content)
  const attributes: DeviceAttributes = {
    ...one(dict, 'udid', 'UDID'),
    ...one(dict, 'serial', 'SERIAL'),
    ...one(dict, 'imei', 'IMEI'),
    ...one(dict, 'meid', 'MEID'),
    ...one(dict, 'product', 'PRODUCT'),
    ...one(dict, 'version', 'VERSION'),
    ...one(dict, 'deviceName', 'DEVICE_NAME'),
    verified,
  }
  // It becomes the name in the certificate and of the enrollment, which our own names and those of channels are not like.
  if (attributes.udid !== undefined && !udidPattern.test(attributes.udid))
    throw new EnrollmentRefused('device.attributes')
  const challenge = textField(dict, 'CHALLENGE') ?? textOf(dataField(dict, 'CHALLENGE'))
  return { attributes, ...(challenge !== undefined && { challenge }) }
}

function readDict(content: Buffer): PlistDict {
  try {
    return readPlistDict(content, limits)
  } catch (error) {
    if (!(error instanceof MalformedInput)) throw error
    throw new EnrollmentRefused('device.attributes', { cause: error })
  }
}

function one<Name extends string>(
  dict: PlistDict,
  name: Name,
  key: string,
): { readonly [N in Name]?: string } {
  const value = textField(dict, key)
  if (value === undefined) return {}
  if (value.length > longest || /\p{Cc}/u.test(value)) throw new EnrollmentRefused('device.attributes')
  // The one property that the type has.
  return { [name]: value } as { readonly [N in Name]?: string }
}

/** Devices send back the type that they were sent, and some the other one. */
function textOf(data: Uint8Array | undefined): string | undefined {
  return data === undefined ? undefined : Buffer.from(data).toString('latin1')
}
