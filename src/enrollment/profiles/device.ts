import { type AccessRightName, accessRightsIn } from '../../domain/access-rights.ts'
import type { Enrollment } from '../../domain/enrollment.ts'
import type { ProfileCertificate } from '../../store/certificate-ports.ts'
import { CmsError } from '../cms/cms.ts'
import { type Subject, userEnrollmentSystem, variablesOf } from './assignment.ts'
import {
  NotForUserEnrollment,
  type Organisation,
  ProfilesNotGranted,
  type ProfileTemplate,
  type Recipient,
} from './build-profile.ts'
import { NoRecipient } from './deliver.ts'
import { type RenewalTimes, replacedBy } from './generation.ts'
import { MissingVariable } from './variables.ts'

/** One enrolled device, as profiles see it. */
export class Device {
  readonly subject: Subject
  readonly enrollment: Enrollment
  readonly #recipient: Recipient
  readonly #certificates: Certificates

  constructor(subject: Subject, { name }: Organisation, certificates: Certificates) {
    this.subject = subject
    this.enrollment = subject.enrollment
    this.#certificates = certificates
    this.#recipient = {
      values: variablesOf(subject, name),
      userEnrollment: userEnrollmentSystem(subject.enrollment),
    }
  }

  recipientOf({ issues, identifier: profile }: ProfileTemplate): Recipient {
    const { issued, ...times } = this.#certificates
    const renews = issues ? replacedBy(issued, { profile, ...times }) : undefined
    return renews === undefined ? this.#recipient : { ...this.#recipient, renews }
  }
}

/** Of a device: those that profiles brought, and when such a one is renewed. */
export interface Certificates extends RenewalTimes {
  readonly issued: readonly ProfileCertificate[]
}

/** Was the device asked for this right when it enrolled? Nothing is known of those that enrolled before that was kept. */
export function grants({ accessRights: asked }: Enrollment, right: AccessRightName): boolean {
  return asked === undefined || accessRightsIn(asked).includes(right)
}

/** It lies in the profile or the device, and trying again soon changes nothing. */
export function isForGood(error: unknown): error is Error {
  return (
    error instanceof MissingVariable ||
    error instanceof NotForUserEnrollment ||
    error instanceof ProfilesNotGranted ||
    error instanceof NoRecipient ||
    (error instanceof CmsError && error.problem === 'algorithm')
  )
}
