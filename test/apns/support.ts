import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { type ScriptedAnswer, type SimulatedApns, startApns } from '../../sim/apns.ts'
import { type CertificateAndKey, issueCertificate } from '../../sim/certificates.ts'
import { type PushEvent, PushWorker, type PushWorkerOptions } from '../../src/apns/apns.ts'
import type { PushCertificate } from '../../src/apns/push-certificate.ts'
import type { StoreLocation } from '../../src/store/location.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/ports.ts'
import { temporaryFolder } from '../helpers/certificates.ts'

export const topic = 'com.apple.mgmt.External.5a1e'
const notBefore = Date.now() - 86_400_000

let authorities: Promise<readonly [CertificateAndKey, CertificateAndKey]> | undefined

/** One authority for Apple's service, one for push certificates; made once for all tests of a file. */
function makeAuthorities() {
  const make = (commonName: string) => issueCertificate({ commonName, use: 'authority', notBefore, days: 30 })
  authorities ??= Promise.all([make('Push service CA'), make('Push certificates CA')])
  return authorities
}

export async function pushCertificate(uid = topic, days = 90): Promise<PushCertificate & CertificateAndKey> {
  const [, issuer] = await makeAuthorities()
  const made = await issueCertificate({
    commonName: 'APSP:5a1e',
    issuer,
    use: 'client',
    uid,
    notBefore,
    days,
  })
  return {
    ...made,
    ...{ cert: made.certificate, topic: uid, notAfter: notBefore + days * 86_400_000 },
    fingerprint: randomUUID(),
  }
}

export async function apnsUnderTest(
  t: Test,
  options: { readonly streams?: number; readonly proxy?: string } = {},
) {
  const [servers, clients] = await makeAuthorities()
  const { certificate: cert, key } = await issueCertificate({
    ...{ commonName: 'api.push.example', issuer: servers, use: 'server', notBefore, days: 30 },
    dnsNames: ['api.push.example'],
    addresses: ['127.0.0.1', ...(options.proxy === undefined ? [] : [options.proxy])],
  })
  const apns = await startApns({ cert, key, clientCa: clients.certificate, ...options })
  t.teardown(() => apns.close())
  return { apns, ca: servers.certificate }
}

/** A record with enrolled devices, a worker on it, and the clock of both. */
export async function workerUnderTest(
  t: Test,
  { apns, ca }: { readonly apns: SimulatedApns; readonly ca: string },
  { location, ...changes }: Partial<PushWorkerOptions> & { readonly location?: StoreLocation } = {},
) {
  const clock = { now: 1_770_000_000_000 }
  const path = join(temporaryFolder(t), 'record.db')
  const store = await openStore(location ?? { kind: 'sqlite', path }, { now: () => clock.now })
  t.teardown(() => store.close())
  const pushed: PushEvent[] = []
  const conditions: (readonly [boolean, string | undefined])[] = []
  const certificate = changes.certificate ?? (await pushCertificate())
  const worker = new PushWorker({
    ...{ certificate, origin: apns.origin, ca, most: 2, timeout: 8_000, pingAfter: 60_000 },
    ...{ outbox: store.pushOutbox, enrollments: store.enrollments },
    now: () => clock.now,
    newId: randomUUID,
    random: () => 0.5,
    // Rests are short, so that a clock that was moved on is seen; back-off between connections is real, and short too.
    sleep: async (ms, signal) => void (await delay(Math.min(ms, 20), undefined, { signal })),
    onPush: (event) => void pushed.push(event),
    onCondition: (ok, detail) => void conditions.push([ok, detail]),
    onError: (error) => t.fail('the worker goes on without errors', { error }),
    ...changes,
  })
  const stop = new AbortController()
  const running = worker.run(stop.signal)
  const end = async () => {
    stop.abort()
    await running
  }
  t.teardown(end)
  return { clock, store, worker, pushed, conditions, end, enrol: enroller(store, clock) }
}

/** @returns what enrols a device and tells its token */
export function enroller(store: Pick<Store, 'enrollments'>, clock: { readonly now: number }) {
  return async (id: string, of = topic): Promise<string> => {
    const token = randomBytes(32)
    const certificate = randomBytes(32).toString('base64url')
    await store.enrollments.begin({
      ...{ id, kind: 'device', user: 'anna', ids: { udid: id }, device: {}, topic: of, at: clock.now },
      identity: { certificate, publicKey: randomBytes(32).toString('base64url') },
    })
    await store.enrollments.takeToken({
      ...{ id, token, magic: `magic "of" ${id}`, topic: of, awaitingConfiguration: false, at: clock.now },
    })
    return token.toString('hex')
  }
}

export type { ScriptedAnswer }
