import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { CertificateService } from '../enrollment/ca/certificate-service.ts'
import type { Mount } from '../enrollment/enrollment.ts'
import { devicePaths } from '../enrollment/enrollment-profile.ts'
import { createMdm } from '../enrollment/mdm/handle.ts'
import { identitiesOf } from '../enrollment/mdm/identities.ts'
import { askForInventory, inventoryRounds } from '../enrollment/mdm/inventory-rounds.ts'
import type { MdmEvents, MdmNote } from '../enrollment/mdm/mdm.ts'
import { mdmMount } from '../enrollment/mdm/mount.ts'
import { createOcspResponder } from '../enrollment/ocsp/ocsp.ts'
import { challengeInPath } from '../enrollment/scep/access.ts'
import type { IdentitiesBehind } from '../enrollment/scep/behind.ts'
import { createScepHandler } from '../enrollment/scep/handler.ts'
import { plainAnswer } from '../enrollment/scep/http.ts'
import { createScepProxy, type ScepProxy } from '../enrollment/scep/proxy.ts'
import { publicFiles } from '../enrollment/web/public-files.ts'
import type { Visit } from '../enrollment/web/visit.ts'
import { whileLeased } from '../lib/while-leased.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { EnrollmentParts } from './enrollment-parts.ts'

interface Authorities {
  readonly service: CertificateService
  /** Undefined: nobody else issues. */
  readonly behind: IdentitiesBehind | undefined
}

/** What devices and SCEP clients ask, each at its own address of the enrollment listener. */
export function deviceMounts(
  settings: EnrollmentSettings & { readonly topic: string },
  authorities: Authorities,
  parts: EnrollmentParts,
): { readonly mounts: readonly Mount[]; close(): Promise<void> } {
  const { service, behind } = authorities
  const scep = scepMount(settings, service, parts)
  const inventory = keepInventory(settings, parts)
  return {
    mounts: [
      scep.mount,
      mdm(settings, behind, parts),
      (visit) => publicFiles(visit, service),
      ocsp(settings, service, parts),
    ],
    async close() {
      await Promise.all([scep.close(), inventory.close()])
    },
  }
}

/** By how many a network may ask is said for both: who fetches certificates is who asks about them. */
function ocsp(
  { scep }: EnrollmentSettings,
  service: CertificateService,
  { store, shared, now, metrics }: EnrollmentParts,
): Mount {
  return createOcspResponder({
    service,
    certificates: store.certificates,
    counters: shared.counters,
    settings: scep,
    now,
    onAnswered: (outcome) => metrics.ocspAnswers.labels(outcome).inc(),
  })
}

function scepMount(
  settings: EnrollmentSettings,
  service: CertificateService,
  parts: EnrollmentParts,
): { readonly mount: Mount; close(): Promise<void> } {
  const { handle, close } = scepServer(settings, service, parts)
  return {
    mount({ path, method, query, body, source }) {
      const challenge = challengeInPath(path, devicePaths.scep)
      if (path !== devicePaths.scep && challenge === undefined) return undefined
      return handle({ method, query, body, source }, challenge)
    },
    close,
  }
}

/** Our own, or the one behind. */
function scepServer(
  { scep, ca }: EnrollmentSettings,
  service: CertificateService,
  { store, shared, now, logger }: EnrollmentParts,
): ScepProxy {
  const { counters } = shared
  if (scep.proxy !== undefined)
    return createScepProxy({
      url: scep.proxy.url,
      ca: scep.proxy.ca.map((file) => readFileSync(file, 'utf8')),
      settings: scep,
      counters,
      keys: store.proxiedKeys,
      now,
      onDecided: (decided) => logger[decided.outcome === 'refused' ? 'warn' : 'info'](decided, 'scep'),
      onFailure: (error) => logger.error({ err: error }, 'scep: the server behind does not answer'),
    })
  const handle = createScepHandler({
    service,
    store,
    settings: scep,
    renewalGrace: ca.renewalGrace,
    counters,
    now,
    onDecided: (decided) => logger[decided.outcome === 'refused' ? 'warn' : 'info'](decided, 'scep'),
  })
  return {
    handle: async (request, challenge) =>
      challenge === undefined ? handle(request) : plainAnswer(404, 'There is nothing here.'),
    close: async () => {},
  }
}

function mdm(
  settings: EnrollmentSettings & { readonly topic: string },
  behind: IdentitiesBehind | undefined,
  parts: EnrollmentParts,
): Mount {
  const { topic, deviceSignature } = settings
  const { store, logger } = parts
  const events: MdmEvents = {
    async enrolled(enrollment) {
      if (enrollment.parent === undefined)
        await askForInventory(enrollment, inventoryOptions(settings, parts))
    },
    failed: (error) => logger.error({ err: error }, 'mdm: what follows a message has failed'),
  }
  const handle = createMdm({
    record: store,
    identities: identitiesOf(store, behind),
    topic: () => topic,
    sha1: deviceSignature.sha1,
    events,
  })
  return mdmMount(handle, (visit: Visit, { level, cause, ...note }: MdmNote, status: number) =>
    logger[level](
      { id: visit.id, source: visit.source, status, ...note, ...(cause !== undefined && { err: cause }) },
      'mdm',
    ),
  )
}

function inventoryOptions({ accessRights }: EnrollmentSettings, { store, now }: EnrollmentParts) {
  return { record: store, rights: accessRights, now, newUuid: () => randomUUID().toUpperCase() }
}

/** Milliseconds after which another process goes on with the rounds. */
const leaseTime = 30_000

/** One process of the installation asks all devices about themselves, round after round. */
function keepInventory(settings: EnrollmentSettings, parts: EnrollmentParts): { close(): Promise<void> } {
  const { store, random, logger } = parts
  const closing = new AbortController()
  const running = whileLeased({
    leases: store.leases,
    name: 'enrollment-inventory',
    holder: random.id(),
    ttl: leaseTime,
    work: (signal) => inventoryRounds(inventoryOptions(settings, parts), signal),
    signal: closing.signal,
    onError: (error) => logger.error({ err: error }, 'mdm: a round of questions has failed'),
  })
  return {
    async close() {
      closing.abort()
      await running
    },
  }
}
