import { randomUUID } from 'node:crypto'
import pino from 'pino'
import type { Test } from 'tap'
import type { AppleDevice } from '../../../sim/apple-device.ts'
import { CertificateService } from '../../../src/enrollment/ca/certificate-service.ts'
import { openProfileSigner } from '../../../src/enrollment/ca/profile-signer.ts'
import { signData } from '../../../src/enrollment/cms/sign-data.ts'
import { ProfileDelivery } from '../../../src/enrollment/profile-delivery.ts'
import { type RenewalOptions, renewalRound } from '../../../src/enrollment/renewal/renewal.ts'
import { writePlist } from '../../../src/lib/plist/write.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { renewIdentities } from '../../../src/roles/renewals.ts'
import type { EnrollmentSettings } from '../../../src/settings/build-enrollment.ts'
import { loadSettings } from '../../../src/settings/load.ts'
import type { Renewal } from '../../../src/store/renewal-ports.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import {
  type EnrollmentOptions,
  type EnrollmentUnderTest,
  enrollmentUnderTest,
  topic,
} from '../../helpers/enrollment.ts'
import { eventually } from '../../helpers/eventually.ts'

export const day = 24 * 60 * 60 * 1000

export interface RenewalUnderTest extends EnrollmentUnderTest {
  readonly settings: EnrollmentSettings
  readonly service: CertificateService
  /** Of the whole product. */
  readonly clock: { ahead: number }
  readonly failures: Renewal[]
  readonly rounds: { readonly failing: number; readonly pointless: number }[]
  /** Enrollments that nothing could be done for. */
  readonly errors: string[]
  /** Another process’s round, at a time of its own. @param ahead milliseconds from the product’s time */
  round(ahead?: number, changes?: Partial<RenewalOptions>): Promise<void>
  /** Another process of the installation. */
  process(ahead: number): { close(): Promise<void> }
  enrolled(user?: string): Promise<AppleDevice>
  /** Waiting renewals of the device. */
  waiting(device: AppleDevice): Promise<number>
}

/** @param ahead the product’s time, as it begins */
export async function renewalUnderTest(
  t: Test,
  options: EnrollmentOptions = {},
  ahead = 0,
): Promise<RenewalUnderTest> {
  const clock = { ahead }
  const now = () => Date.now() + clock.ahead
  const under = await enrollmentUnderTest(t, { now, ...options })
  const { store, gateway } = under
  const settings = loadSettings(gateway.settingsFile, {}).settings?.enrollment
  if (settings === undefined) throw new Error('no enrollment')
  const failures: Renewal[] = []
  const rounds: { readonly failing: number; readonly pointless: number }[] = []
  const errors: string[] = []
  const service = await CertificateService.open({
    ...{ store, settings: settings.ca, organisation: 'Example Corp', publicUrl: settings.publicUrl, now },
    newId: () => systemRandom().id(),
  })
  const authority = {
    async authority() {
      await service.refresh()
      return service.issuing.certificate
    },
    async signProfile(content: Buffer) {
      const { chain, ...identity } = await openProfileSigner({
        ...{ settings: settings.ca, service, certificates: store.certificates, now },
      })
      return signData({ content, signer: identity, chain, signingTime: now() })
    },
  }
  const renewal = (ahead: number): RenewalOptions => ({
    ...{ record: store, settings: { ...settings, topic }, when: settings.ca },
    delivery: new ProfileDelivery(authority),
    now: () => now() + ahead,
    async newEnd() {
      const { validToDate } = await authority.authority()
      return Math.min(now() + ahead + settings.ca.validity, validToDate.getTime())
    },
    secret: systemRandom().secret,
    newUuid: () => randomUUID().toUpperCase(),
    events: {
      onSent() {},
      onRenewed() {},
      onFailed: (failed) => failures.push(failed),
      onError: (enrollment) => errors.push(enrollment),
      onRound: (round) => rounds.push(round),
    },
  })
  return {
    ...under,
    ...{ settings, service, clock, failures, rounds, errors },
    round: (ahead = 0, changes = {}) =>
      renewalRound({ ...renewal(ahead), ...changes }, new AbortController().signal),
    process: (ahead) =>
      renewIdentities({
        ...{ store, authority, random: systemRandom(), metrics: createMetrics() },
        settings: { ...settings, topic },
        logger: pino({ level: 'silent' }),
        now: () => now() + ahead,
      }),
    async enrolled(user = 'alice') {
      const device = await under.device()
      await device.install(await under.browser().profile(await under.code(user)))
      await device.poll()
      return device
    },
    async waiting({ options: { udid } }) {
      const commands = await store.mdmCommands.list({ enrollment: udid, limit: 100 })
      return commands.filter(({ renewal, state }) => renewal && ['queued', 'sent', 'not-now'].includes(state))
        .length
    },
  }
}

/** A question whose answer has the keeper look at the device. */
export async function askProfiles({ store }: RenewalUnderTest, udid: string): Promise<void> {
  await store.mdmCommands.enqueue(
    {
      ...{ uuid: `ask ${Math.random()}`, enrollment: udid, requestType: 'ProfileList', once: true },
      payload: writePlist({ RequestType: 'ProfileList' }),
    },
    { name: 'admin', why: 'a test', at: Date.now() },
  )
}

/** The profile is there, as far as the record knows. */
export function settled({ store }: RenewalUnderTest, udid: string): Promise<unknown> {
  return eventually(async () => {
    const rows = await store.deviceProfiles.of([udid])
    return rows.length === 1 && rows[0]?.state === 'done'
  })
}
