import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certificateRequest, readScepReply, scepRequest, temporaryIdentity } from '../../sim/scep-client.ts'
import {
  addOwn,
  CertificateService,
  type CertificateServiceOptions,
} from '../../src/enrollment/ca/certificate-service.ts'
import { createScepHandler } from '../../src/enrollment/scep/handler.ts'
import { sha256 } from '../../src/lib/hash.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Scenario } from './scenario.ts'

const day = 86_400_000

export const scep: Scenario = {
  name: 'scep',
  summary:
    'SCEP enrollments per CPU-second: RSA-2048 for the CA and the devices, AES-256, the record in SQLite',
  options: { enrollments: { default: 500, description: 'devices that ask for a certificate' } },
  async run({ enrollments = 500 }) {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
    try {
      await measure(folder, enrollments)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

async function measure(folder: string, enrollments: number): Promise<void> {
  const store = await openSqliteStore(join(folder, 'record.db'), { now: Date.now })
  const options: CertificateServiceOptions = {
    store,
    settings: {
      folder: join(folder, 'ca'),
      validity: 365 * day,
      renewBefore: 73 * day,
      renewalGrace: day,
      crlLife: day,
    },
    organisation: 'Bench',
    publicUrl: 'https://mdm.example.com',
    now: Date.now,
    newId: () => 'bench',
  }
  const by = { name: 'bench', why: 'bench', at: Date.now() }
  await addOwn(options, { bits: 2048, replaces: undefined, by })
  const service = await CertificateService.open(options)
  const ca = service.issuing.certificate
  const handle = createScepHandler({
    service,
    store,
    settings: { legacy: false, attempts: 1, requests: 1 },
    renewalGrace: day,
    counters: { hit: async () => 0 },
    now: Date.now,
  })
  const at = Date.now()
  // A few keys for all: a device takes its own time to make one, and that is not what is measured.
  const signers = Array.from({ length: 25 }, () =>
    temporaryIdentity(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, at),
  )
  const signerOf = (index: number) => signers[index % signers.length]!
  const messages: Buffer[] = []
  for (let index = 0; index < enrollments; index++) {
    const challenge = `challenge ${index}`
    await store.scepChallenges.add({
      hash: sha256(challenge),
      enrollment: 'UDID',
      createdAt: at,
      expiresAt: at + day,
    })
    const signer = signerOf(index)
    const content = certificateRequest({ key: signer.key, commonName: 'UDID', challenge })
    messages.push(scepRequest({ ca, signer, content, at }))
  }
  const before = process.cpuUsage()
  const began = performance.now()
  let last: Buffer = Buffer.alloc(0)
  for (const body of messages) {
    const answer = await handle({
      method: 'POST',
      query: 'operation=PKIOperation',
      body,
      source: '127.0.0.1',
    })
    last = answer.body
  }
  const wall = (performance.now() - began) / 1000
  const used = process.cpuUsage(before)
  const cpu = (used.user + used.system) / 1e6
  const reply = readScepReply(last, ca, signerOf(enrollments - 1))
  if (reply.status !== 'success') throw new Error(`the last one was refused: ${JSON.stringify(reply)}`)
  await store.close()
  console.log(`enrollments           ${enrollments}`)
  console.log(`per CPU-second        ${Math.round(enrollments / cpu)}`)
  console.log(`per second            ${Math.round(enrollments / wall)} (one after the other)`)
  console.log(`CPU for each          ${((cpu / enrollments) * 1000).toFixed(2)} ms`)
}
