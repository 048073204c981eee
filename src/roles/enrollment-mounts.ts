import { readFileSync } from 'node:fs'
import type { CertificateService } from '../enrollment/ca/certificate-service.ts'
import type { Mount } from '../enrollment/enrollment.ts'
import { devicePaths } from '../enrollment/enrollment-profile.ts'
import { createMdm } from '../enrollment/mdm/handle.ts'
import { identitiesOf } from '../enrollment/mdm/identities.ts'
import type { MdmEvents, MdmNote } from '../enrollment/mdm/mdm.ts'
import { mdmMount } from '../enrollment/mdm/mount.ts'
import { createScepHandler } from '../enrollment/scep/handler.ts'
import { createScepProxy, type ScepProxy } from '../enrollment/scep/proxy.ts'
import { publicFiles } from '../enrollment/web/public-files.ts'
import type { Visit } from '../enrollment/web/visit.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { EnrollmentParts } from './enrollment.ts'

/** What devices and SCEP clients ask, each at its own address of the enrollment listener. */
export function deviceMounts(
  settings: EnrollmentSettings & { readonly topic: string },
  service: CertificateService,
  parts: EnrollmentParts,
): { readonly mounts: readonly Mount[]; close(): Promise<void> } {
  const scep = scepMount(settings, service, parts)
  return {
    mounts: [scep.mount, mdm(settings, parts), (visit) => publicFiles(visit, service)],
    close: () => scep.close(),
  }
}

function scepMount(
  settings: EnrollmentSettings,
  service: CertificateService,
  parts: EnrollmentParts,
): { readonly mount: Mount; close(): Promise<void> } {
  const { handle, close } = scepServer(settings, service, parts)
  return {
    mount: ({ path, method, query, body, source }) =>
      path === devicePaths.scep ? handle({ method, query, body, source }) : undefined,
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
  return { handle, close: async () => {} }
}

function mdm(
  { topic, deviceSignature }: EnrollmentSettings & { readonly topic: string },
  { store, logger }: EnrollmentParts,
): Mount {
  const events: MdmEvents = {
    failed: (error) => logger.error({ err: error }, 'mdm: what follows a message has failed'),
  }
  const handle = createMdm({
    record: store,
    identities: identitiesOf(store),
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
