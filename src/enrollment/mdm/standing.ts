import type { X509Certificate } from 'node:crypto'
import type { Enrollment } from '../../domain/enrollment.ts'
import type { EnrollmentName } from './enrollment-id.ts'
import { fingerprintOf, type IssuedIdentity, pinnedIdentity } from './identities.ts'
import type { MdmDependencies } from './mdm.ts'

/** How the sender of a message stands to the enrollment that it names. */
export type Standing =
  /** Its certificate is the one that speaks for the enrollment. */
  | { readonly kind: 'pinned'; readonly enrollment: Enrollment; readonly expired: boolean }
  /** It may begin the enrollment, or begin it anew. */
  | { readonly kind: 'may-begin'; readonly issued: IssuedIdentity }
  /** Its trust has ended, and it is told so. */
  | { readonly kind: 'ended'; readonly enrollment: Enrollment }
  /** The certificate that speaks for it was revoked, with all that renew it: the device can never come back with them. */
  | { readonly kind: 'revoked'; readonly enrollment: Enrollment }
  | { readonly kind: 'refused'; readonly status: 400 | 403; readonly problem: string }

interface Sender {
  readonly name: EnrollmentName
  readonly certificate: X509Certificate
  /** It enrolls (Authenticate). */
  readonly begins: boolean
  readonly at: number
}

export async function standingOf(sender: Sender, deps: MdmDependencies): Promise<Standing> {
  const { name, certificate, at } = sender
  const fingerprint = fingerprintOf(certificate)
  const [enrollment, issued] = await Promise.all([
    deps.record.enrollments.get(name.device),
    deps.identities.find(certificate),
  ])
  if (issued === undefined) return refused(403, 'certificate.foreign')
  const isPinned = enrollment?.certificate === fingerprint
  const isEnded = enrollment?.state === 'leaving' || enrollment?.state === 'gone'
  const isItsOwn = enrollment !== undefined && (isPinned || issued.renews.includes(enrollment.certificate))
  if (isEnded && isItsOwn) return { kind: 'ended', enrollment }
  if (issued.revoked && isItsOwn && !issued.outlived && !sender.begins) return { kind: 'revoked', enrollment }
  if (issued.revoked) return refused(403, 'certificate.revoked')
  if (sender.begins && !isRenewal(fingerprint, enrollment, { issued, at }))
    return mayBegin(sender, enrollment, issued)
  // An identity that has expired may come for its renewal: a phone that lay in a drawer is not lost.
  if (isPinned) return { kind: 'pinned', enrollment, expired: issued.notAfter <= at }
  if (enrollment === undefined) return refused(400, 'enrollment.unknown')
  if (isEnded) return refused(403, 'certificate.not-pinned')
  return renewed(sender, enrollment, { issued, deps })
}

/**
 * Whoever installs its enrollment profile again, with a new identity in it, says that it enrolls: it stays what it is. A device that was
 * wiped has no such identity: each renewal is made for the holder of the one before.
 */
function isRenewal(
  fingerprint: string,
  enrollment: Enrollment | undefined,
  { issued, at }: { readonly issued: IssuedIdentity; readonly at: number },
): boolean {
  if (enrollment?.state !== 'enrolled' || issued.notAfter <= at) return false
  // It says so once more when our answer was lost.
  if (enrollment.certificate === fingerprint) return issued.renews.length > 0
  return issued.renews.includes(enrollment.certificate)
}

async function mayBegin(
  { name, at }: Sender,
  enrollment: Enrollment | undefined,
  issued: IssuedIdentity,
): Promise<Standing> {
  if (issued.notAfter <= at) return refused(403, 'certificate.expired')
  if (issued.device !== undefined && issued.device !== name.device)
    return refused(403, 'certificate.of-another')
  if (enrollment === undefined || enrollment.state === 'gone' || enrollment.state === 'leaving')
    return { kind: 'may-begin', issued }
  // Else whoever may enroll anything could take over any device by naming it. That the certificate names it proves no more: the id
  // in it is what the sender has said of itself in an over-the-air enrollment.
  const isSame =
    issued.renews.includes(enrollment.certificate) ||
    (issued.user === enrollment.user && (issued.user !== undefined || issued.device === name.device))
  return isSame ? { kind: 'may-begin', issued } : refused(403, 'enrollment.of-another')
}

/** The device shows another identity, and no message tells: the certificate must be a renewal of the pinned one. */
async function renewed(
  { name, certificate, at }: Sender,
  enrollment: Enrollment,
  { issued, deps }: { readonly issued: IssuedIdentity; readonly deps: MdmDependencies },
): Promise<Standing> {
  if (!issued.renews.includes(enrollment.certificate)) return refused(403, 'certificate.not-pinned')
  const { enrollments } = deps.record
  const outcome = await enrollments.repin(name.device, pinnedIdentity(certificate), at)
  const present = await enrollments.get(name.device)
  if (outcome === 'identity-taken' || present === undefined) return refused(403, 'certificate.of-another')
  return { kind: 'pinned', enrollment: present, expired: issued.notAfter <= at }
}

function refused(status: 400 | 403, problem: string): Standing {
  return { kind: 'refused', status, problem }
}
