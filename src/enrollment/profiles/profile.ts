/**
 * Managed profiles: what administrators write about mail, Wi-Fi, VPN, passcodes and restrictions in YAML, one file a
 * profile, becomes signed configuration profiles, is installed over the air on the devices it is assigned to, kept there
 * and taken away again. `read-profile.ts` reads and checks a file, `build-profile.ts` writes it for one device,
 * `assignment.ts` and `plan.ts` say which device should have what. `keeper.ts` goes over all
 * devices, `keep-device.ts` looks at one of them, `send-steps.ts` does what the plan says.
 *
 * This file: a profile, read and checked.
 */
import type { Secret } from '../../settings/secret.ts'
import type { PayloadDefinition, ProfileSystem, Values } from './payloads/payload.ts'

export interface Profile {
  /** Part of its identifier on the device, so it can never change. */
  readonly name: string
  /** What users see. */
  readonly title: string
  readonly description?: string
  /** Absolute. */
  readonly file: string
  readonly assign: Assignment
  readonly removal: Removal
  /** Encrypted to each device: it has secrets, or the file says so. */
  readonly encrypted: boolean
  /** Devices without it are out of compliance, for Gatehouse as the MDM. */
  readonly required: boolean
  readonly payloads: readonly LoadedPayload[]
  /** The other files that it was made of. */
  readonly reads: readonly string[]
}

export interface Assignment {
  readonly everyone: boolean
  /** In lower case. */
  readonly users: ReadonlySet<string>
  readonly groups: ReadonlySet<string>
  readonly notUsers: ReadonlySet<string>
  readonly notGroups: ReadonlySet<string>
  readonly systems: ReadonlySet<ProfileSystem>
}

/** `locked`: users cannot take it away, where their device is supervised; elsewhere only together with the management. */
export type Removal =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'locked' }
  | { readonly kind: 'password'; readonly password: Secret }

export interface LoadedPayload {
  /** Unique in the profile; part of its identifier. */
  readonly id: string
  readonly title?: string
  readonly definition: PayloadDefinition
  /** What `prepareFields` made of them. */
  readonly values: Values
}
