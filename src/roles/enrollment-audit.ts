import type { ProfileIssued } from '../enrollment/ota/ota.ts'
import type { SignedIn } from '../enrollment/user-pages.ts'
import type { EnrollmentParts } from './enrollment-parts.ts'

/** A user has signed in to the enrollment pages. */
export async function auditSignIn({ user, method, source, at, code }: SignedIn, { store }: EnrollmentParts) {
  await store.audit.append({
    at,
    action: 'enrollment.signed-in',
    actor: 'enrollment',
    subject: user,
    details: { method, source, ...(code !== undefined && { code }) },
  })
}

/** A profile was handed out, by any way. */
export async function auditIssued(
  { user, way, at, source, attributes }: ProfileIssued,
  { store }: EnrollmentParts,
): Promise<void> {
  const { udid, serial, product, verified } = attributes ?? {}
  await store.audit.append({
    at,
    action: 'enrollment.profile-issued',
    actor: 'enrollment',
    subject: user,
    details: {
      way,
      source,
      ...(udid !== undefined && { udid }),
      ...(serial !== undefined && { serial }),
      ...(product !== undefined && { product }),
      ...(verified !== undefined && { verified }),
    },
  })
}
