/** Who has signed in to enroll a device. */
export interface EnrollingUser {
  /** As the directory writes it; compared without case. */
  readonly name: string
  /** Profiles are assigned to them. */
  readonly groups: readonly string[]
  /** As the directory says. */
  readonly email?: string
  readonly fullName?: string
}

/** What a device says of itself before it is managed, signed by the certificate that Apple built in. A claim. */
export interface DeviceAttributes {
  readonly udid?: string
  readonly serial?: string
  readonly imei?: string
  readonly meid?: string
  /** Hardware code, such as `iPhone15,2`. */
  readonly product?: string
  /** Build, such as `22B83`. */
  readonly version?: string
  readonly deviceName?: string
  /** Chains to one of Apple's device CAs. */
  readonly verified: boolean
}
