import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import {
  certificateRequest,
  readScepReply,
  type ScepReply,
  scepRequest,
  temporaryIdentity,
} from '../../sim/scep-client.ts'
import {
  addOwn,
  CertificateService,
  type CertificateServiceOptions,
} from '../../src/enrollment/ca/certificate-service.ts'
import type { Identity } from '../../src/enrollment/cms/cms.ts'
import { createScepHandler } from '../../src/enrollment/scep/handler.ts'
import type { ScepAnswer, ScepDecided, ScepHandler } from '../../src/enrollment/scep/scep.ts'
import { sha256 } from '../../src/lib/hash.ts'
import type { Store } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { temporaryFolder } from './certificates.ts'

export const day = 24 * 60 * 60 * 1000

export interface ScepServer {
  readonly store: Store
  readonly service: CertificateService
  readonly handle: ScepHandler
  readonly clock: { now: number }
  readonly decided: ScepDecided[]
  /** A challenge for this enrollment, good for an hour. */
  challenge(enrollment: string, user?: string): Promise<string>
  post(body: Buffer): Promise<ScepAnswer>
  /** Another CA issues from now on. */
  rotate(): Promise<void>
  /** A whole request and its answer. */
  enroll(options: {
    key: KeyObject
    commonName: string
    challenge?: string
    signer?: Identity
  }): Promise<ScepReply>
}

export interface ScepServerOptions {
  readonly legacy?: boolean
  readonly attempts?: number
  readonly requests?: number
}

/** A SCEP server over a real record, without sockets. */
export async function scepServer(t: Test, options: ScepServerOptions = {}): Promise<ScepServer> {
  const folder = temporaryFolder(t)
  const clock = { now: Date.now() }
  const now = () => clock.now
  const store = await openSqliteStore(join(folder, 'record.db'), { now })
  t.teardown(() => store.close())
  const renewalGrace = 90 * day
  let ids = 0
  const authority: CertificateServiceOptions = {
    store,
    settings: {
      folder: join(folder, 'ca'),
      validity: 365 * day,
      renewBefore: 73 * day,
      renewalGrace,
      crlLife: day,
    },
    organisation: 'Example Corp',
    publicUrl: 'https://mdm.example.com',
    now,
    newId: () => `test${++ids}`,
  }
  const service = await CertificateService.open(authority)
  const hits = new Map<string, number>()
  const decided: ScepDecided[] = []
  const handle = createScepHandler({
    service,
    store,
    settings: { legacy: false, attempts: 20, requests: 1000, ...options },
    renewalGrace,
    counters: {
      async hit(key) {
        hits.set(key, (hits.get(key) ?? 0) + 1)
        return hits.get(key)!
      },
    },
    now,
    onDecided: (one) => decided.push(one),
  })
  let challenges = 0
  const post = (body: Buffer) =>
    handle({ method: 'POST', query: 'operation=PKIOperation', body, source: '127.0.0.5' })
  return {
    store,
    service,
    handle,
    clock,
    decided,
    post,
    async rotate() {
      const by = { name: 'root', why: 'yearly', at: clock.now }
      await addOwn(authority, { bits: 2048, replaces: service.issuing.id, by })
      await service.refresh()
    },
    async challenge(enrollment, user = 'ann') {
      const challenge = `challenge-${++challenges}-of-a-test`
      await store.scepChallenges.add({
        hash: sha256(challenge),
        enrollment,
        user,
        createdAt: clock.now,
        expiresAt: clock.now + 60 * 60 * 1000,
      })
      return challenge
    },
    async enroll({ key, commonName, challenge, signer = temporaryIdentity(key, clock.now) }) {
      const ca = service.issuing.certificate
      const content = certificateRequest({ key, commonName, ...(challenge !== undefined && { challenge }) })
      const answer = await post(scepRequest({ ca, signer, content, at: clock.now }))
      if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`)
      return readScepReply(answer.body, ca, signer)
    },
  }
}

export function rsaKey(bits = 2048): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength: bits }).privateKey
}
