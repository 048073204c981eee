import type { EnrollmentKind } from '../../domain/enrollment.ts'
import { MalformedInput } from '../../lib/malformed-input.ts'
import { textField } from '../../lib/plist/fields.ts'
import type { PlistDict } from '../../lib/plist/values.ts'

/** Which enrollment a message is of: the device's, or one person's channel of it. */
export interface EnrollmentName {
  readonly id: string
  readonly kind: EnrollmentKind
  /** The device's enrollment: its own id when it is the device's. */
  readonly device: string
  readonly udid?: string
  readonly channelUser?: string
}

/** What a Shared iPad sends in place of a user's id. */
const sharedUser = 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'
const longest = 128

/** @throws MalformedInput without an id, with two, or with one that could be mistaken for a channel's */
export function enrollmentName(message: PlistDict): EnrollmentName {
  const udid = textField(message, 'UDID')
  const enrollment = textField(message, 'EnrollmentID')
  if ((udid === undefined) === (enrollment === undefined))
    throw new MalformedInput('one of UDID and EnrollmentID is expected')
  const device = bounded(udid ?? enrollment ?? '')
  // `A` with the user `B` would else be the same as a device that calls itself `A:B`.
  if (device.includes(':')) throw new MalformedInput('a device id with a colon')
  const ofDevice = udid === undefined ? ({ device } as const) : ({ device, udid } as const)
  const user = channelOf(message, udid !== undefined)
  if (user === undefined)
    return { ...ofDevice, id: device, kind: udid === undefined ? 'user-enrollment' : 'device' }
  const channelUser = textField(message, 'UserLongName') ?? textField(message, 'UserShortName')
  return {
    ...ofDevice,
    id: `${device}:${bounded(user)}`,
    kind: udid === undefined ? 'user-enrollment-user' : 'user',
    ...(channelUser !== undefined && { channelUser: bounded(channelUser) }),
  }
}

function channelOf(message: PlistDict, hasUdid: boolean): string | undefined {
  if (!hasUdid) return textField(message, 'EnrollmentUserID')
  const id = textField(message, 'UserID')
  if (id !== sharedUser) return id
  const name = textField(message, 'UserShortName')
  if (name === undefined) throw new MalformedInput('a Shared iPad’s user without a name')
  return name
}

function bounded(text: string): string {
  if (text.length > longest || /\p{Cc}/u.test(text)) throw new MalformedInput('an id that none can be')
  return text
}
