/**
 * The ids by which a device can be the same one in two systems. All are normalised when they are read, at the edge
 * (`lib/device-id.ts`), so that equal means equal: UDID and serial in upper case without separators, IMEI as its 14
 * digits without the check digit, EAS id and Entra id in lower case. What cannot be an id (empty, `0`, `Unknown`,
 * `To Be Filled By O.E.M.`) is left out.
 */
export interface DeviceIds {
  readonly udid?: string
  readonly serial?: string
  /** A phone with two SIM slots has two. */
  readonly imei?: readonly string[]
  readonly meid?: string
  /** What the device calls itself in Exchange ActiveSync; several MDM vendors report it. */
  readonly easDeviceId?: readonly string[]
  /** Microsoft Entra (Azure AD) device id, a GUID. */
  readonly entraDeviceId?: string
  /** Under which Gatehouse itself has enrolled it. Never what a device says: proved by the certificate that it was given. */
  readonly enrollment?: string
}

export const deviceIdKinds = [
  'enrollment',
  'udid',
  'serial',
  'imei',
  'meid',
  'easDeviceId',
  'entraDeviceId',
] as const
export type DeviceIdKind = (typeof deviceIdKinds)[number]
