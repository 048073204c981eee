import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { PushCertificateUnusable, readPushCertificate } from '../apns/push-certificate.ts'
import { boundSecret } from '../enrollment/ca/bound-secret.ts'
import type { CertificateService } from '../enrollment/ca/certificate-service.ts'
import { keepProfileSigner, openProfileSigner } from '../enrollment/ca/profile-signer.ts'
import { signData } from '../enrollment/cms/sign-data.ts'
import { createEnrollment } from '../enrollment/enrollment.ts'
import type { ProfileIssued } from '../enrollment/ota/ota.ts'
import { Passes } from '../enrollment/passes.ts'
import { type ProfileAuthority, ProfileDelivery } from '../enrollment/profile-delivery.ts'
import type { BehindAccess } from '../enrollment/scep/access.ts'
import { Attempts } from '../enrollment/sign-in/attempts.ts'
import { LdapSignIn } from '../enrollment/sign-in/ldap.ts'
import { OidcSignIn } from '../enrollment/sign-in/oidc.ts'
import { Sessions } from '../enrollment/sign-in/session.ts'
import type { UserPageDependencies } from '../enrollment/user-pages.ts'
import { Cookies } from '../enrollment/web/cookies.ts'
import { startListener } from '../enrollment/web/listener.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { Settings } from '../settings/settings.ts'
import { auditIssued, auditSignIn } from './enrollment-audit.ts'
import { followAuthorities, openAuthority } from './enrollment-authorities.ts'
import { followEnrollmentFiles } from './enrollment-files.ts'
import { deviceMounts } from './enrollment-mounts.ts'
import type { EnrollmentParts } from './enrollment-parts.ts'
import { startProfiles } from './enrollment-profiles.ts'
import { listenerTls, renewListener } from './enrollment-tls.ts'
import { renewIdentities } from './renewals.ts'
import { openScepBehind } from './scep-behind.ts'
import { revokeUnusedIdentities } from './unused-identities.ts'

export interface EnrollmentRole {
  /** Where it listens, such as `https://127.0.0.1:8445`. */
  readonly url: string
  /** Certificates are read anew. */
  reload(): Promise<void>
  close(): Promise<void>
}

/**
 * The enrollment listener with everything behind it. It runs beside the jobs, once on each machine; any machine may
 * serve any request, since all that counts is in the record.
 * @returns undefined when the settings have no `enrollment`
 */
export async function startEnrollmentRole(parts: EnrollmentParts): Promise<EnrollmentRole | undefined> {
  const { enrollment } = parts.settings
  if (enrollment === undefined) return undefined
  const topic = topicOf(parts.settings)
  const service = await openAuthority(enrollment, parts)
  const opened = await openParts({ ...enrollment, topic }, service, parts)
  const tls = () => listenerTls(enrollment, service)
  const listener = await startListener({
    settings: enrollment,
    limits: parts.settings.limits,
    tls: tls(),
    answer: createEnrollment(opened.dependencies),
    random: parts.random,
    now: parts.now,
    onAnswered: ({ path }, status) =>
      parts.metrics.enrollmentAnswers.labels(partOf(path), `${Math.floor(status / 100)}xx`).inc(),
    onRefused: (code) => parts.metrics.enrollmentRefusals.labels(code).inc(),
    onTurnedAway: (why) => parts.metrics.enrollmentTurnedAway.labels(why).inc(),
  }).catch(async (error: unknown) => {
    await opened.close()
    throw error
  })
  const renew = () => renewListener(listener, tls())
  const files = followEnrollmentFiles({
    settings: enrollment,
    service,
    renewListener: renew,
    health: parts.health,
    logger: parts.logger,
  })
  const changes = followAuthorities(service, {
    ...parts,
    renew,
    onMissing: () => void files.reload(),
  })
  parts.logger.info({ listener: listener.url, publicUrl: enrollment.publicUrl }, 'enrollment listening')
  return {
    url: listener.url,
    reload: () => files.reload(),
    async close() {
      changes.close()
      await files.close()
      await listener.close()
      await opened.close()
    },
  }
}

/** It goes into every device and can never change: that of the push certificate. */
function topicOf({ apns }: Settings): string {
  if (apns?.topic !== undefined) return apns.topic
  if (apns === undefined) throw new PushCertificateUnusable('`enrollment` needs `apns`')
  return readPushCertificate(apns).topic
}

type SettingsWithTopic = EnrollmentSettings & { readonly topic: string; readonly behind?: BehindAccess }

async function openParts(given: SettingsWithTopic, service: CertificateService, parts: EnrollmentParts) {
  const { store, random, logger, metrics } = parts
  const behind = openScepBehind(given, parts)
  const settings: SettingsWithTopic = { ...given, ...(behind && { behind: behind.access }) }
  const recorded = await store.keys.getOrCreate('enrollment', random.secret)
  const secret = boundSecret(recorded, service.authorities)
  const shared = { settings, ...(await openShared(settings, service, { secret, parts })) }
  const signatures = {
    authorities: settings.deviceSignature.ca.flatMap(readCertificates),
    check: settings.deviceSignature.check,
    sha1: settings.deviceSignature.sha1,
  }
  const pages = openPages(settings, shared, { secret, parts })
  const { authority } = shared
  const profiles = await startProfiles({ ...parts, settings, authority, holder: random.id() })
  const devices = deviceMounts(settings, { service, behind: behind?.identities }, parts)
  const renewals = renewIdentities({ ...parts, settings, authority })
  const unused = revokeUnusedIdentities({ ...parts, holder: random.id() })
  return {
    dependencies: {
      pages,
      ota: {
        ...shared,
        signatures,
        certificates: {
          recordOf: async (certificate: X509Certificate) =>
            (await service.recordOf(certificate)) ?? behind?.identities.recordOf(certificate),
        },
      },
      account: { ...shared, signatures },
      mounts: devices.mounts,
      logger,
      onRefused: (reason: string) => metrics.enrollmentRefusals.labels(reason).inc(),
    },
    async close() {
      await Promise.all([
        pages.oidc?.close(),
        devices.close(),
        profiles.close(),
        renewals.close(),
        unused.close(),
      ])
    },
  }
}

interface Opening {
  readonly secret: string
  readonly parts: EnrollmentParts
}

/** What everything needs that hands out profiles. */
async function openShared(
  { ca, challengeLife }: SettingsWithTopic,
  service: CertificateService,
  { secret, parts }: Opening,
) {
  const { store, random, now, health } = parts
  const signer = keepProfileSigner(
    () => openProfileSigner({ settings: ca, service, certificates: store.certificates, now }),
    (error) => {
      const detail = error && `${error.message}; what was read before stays`
      health.set('profile signer', detail === undefined ? { ok: true } : { ok: false, detail }, false)
    },
  )
  // At the start, so that a key that is missing is found before the first user does.
  await signer()
  const authority: ProfileAuthority = {
    authority: async () => service.issuing.certificate,
    async signProfile(content) {
      const { chain, ...identity } = await signer()
      return signData({ content, signer: identity, chain, signingTime: now() })
    },
  }
  return {
    passes: new Passes({
      passes: store.enrollmentPasses,
      challenges: store.scepChallenges,
      random,
      secret,
      challengeLife,
    }),
    authority,
    delivery: new ProfileDelivery(authority),
    onIssued: (issued: ProfileIssued) => auditIssued(issued, parts),
  }
}

function openPages(
  settings: SettingsWithTopic,
  shared: Awaited<ReturnType<typeof openShared>>,
  { secret, parts }: Opening,
): UserPageDependencies {
  const { store, random } = parts
  const { signIn, publicUrl } = settings
  const cookies = new Cookies(secret)
  return {
    ...shared,
    settings,
    forms: { cookies, random, publicUrl },
    sessions: new Sessions({ cookies, random, passes: store.enrollmentPasses, life: signIn.session }),
    attempts: new Attempts(parts.shared.counters, signIn.attempts),
    codes: store.enrollmentCodes,
    ...(signIn.oidc && { oidc: new OidcSignIn(signIn.oidc, publicUrl) }),
    ...(signIn.ldap && { ldap: new LdapSignIn(signIn.ldap) }),
    onSignedIn: (signedIn) => auditSignIn(signedIn, parts),
  }
}

function readCertificates(file: string): X509Certificate[] {
  const blocks = readFileSync(file, 'utf8').match(
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
  )
  return (blocks ?? []).map((block) => new X509Certificate(block))
}

/** For metrics: few and known names, whatever is asked for. */
function partOf(path: string): string {
  const [, first = ''] = path.split('/')
  return ['enroll', 'scep', 'mdm', 'crl', 'ocsp'].includes(first) ? first : 'other'
}
