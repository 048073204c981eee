/** The certificate authorities of a running process: opened at the start, and taken anew when the record tells of a change. */
import { followChanges } from '../devices/changes.ts'
import { CertificateService } from '../enrollment/ca/certificate-service.ts'
import { KeyFileError } from '../enrollment/ca/key-files.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { EnrollmentParts } from './enrollment-parts.ts'

export function openAuthority(enrollment: EnrollmentSettings, { store, random, now }: EnrollmentParts) {
  return CertificateService.open({
    store,
    settings: enrollment.ca,
    organisation: enrollment.organisation,
    publicUrl: enrollment.publicUrl,
    now,
    newId: () => random.id(),
  })
}

/** Another process, or the command line, has made a new authority or revoked a certificate. */
export function followAuthorities(
  service: CertificateService,
  {
    store,
    notices,
    logger,
    renew,
    onMissing,
  }: EnrollmentParts & { readonly renew: () => void; readonly onMissing: () => void },
) {
  const refresh = () =>
    void service
      .refresh()
      .then(renew)
      .catch((error: unknown) => {
        logger.error({ err: error }, 'the certificate authority cannot be read anew')
        // Which makes a condition of it, and looks again until the key is there.
        if (error instanceof KeyFileError) onMissing()
      })
  return followChanges({
    changes: store.changes,
    notices,
    onChange: ({ kind }) => {
      if (kind === 'certificate') refresh()
    },
    onGap: (asOf) => {
      if (asOf !== undefined) refresh()
    },
    onError: (error) => logger.debug({ err: error }, 'change notices cannot be read'),
  })
}
