import type { Secret, SecretSource } from '../../../secret.ts'
import type { VendorBuilder } from '../common.ts'

/** What a connection signs in with, where a vendor knows both ways: an OAuth client, or a user with a password. */
export type VendorSignIn = ClientSignIn | PasswordSignIn

export interface ClientSignIn {
  readonly kind: 'client'
  readonly clientId: string
  readonly clientSecret: Secret
}

export interface PasswordSignIn {
  readonly kind: 'password'
  readonly user: string
  readonly password: Secret
}

export interface WrittenSignIn {
  readonly clientId?: string
  readonly clientSecret?: SecretSource
  readonly user?: string
  readonly password?: SecretSource
}

export interface SignInRules {
  /** What is told when neither way is whole. */
  readonly needs: string
  /** Is there what this vendor wants beside the credentials? */
  readonly isComplete?: (kind: VendorSignIn['kind']) => boolean
}

/** One of the two, and whole. */
export function signInOf(
  { clientId, clientSecret, user, password }: WrittenSignIn,
  builder: VendorBuilder,
  { needs, isComplete = () => true }: SignInRules,
): VendorSignIn {
  if (clientId !== undefined && user !== undefined)
    builder.mistake('`user` and `clientId` exclude each other', 'user')
  if (clientId !== undefined && clientSecret !== undefined) {
    if (!isComplete('client')) builder.mistake(needs)
    return { kind: 'client', clientId, clientSecret: builder.secret(clientSecret, 'clientSecret') }
  }
  if (user === undefined || password === undefined || !isComplete('password')) builder.mistake(needs)
  return { kind: 'password', user: user ?? '', password: builder.secretOrEmpty(password, 'password') }
}
