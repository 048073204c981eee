import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type EvaluationCertificates, makeCertificates } from '../../sim/certificate-files.ts'

export interface CertificateSet extends EvaluationCertificates {
  /** Holds `ca`, `gateway`, `device-ca` and `device`, each as `.crt` and `.key`; gone after the test. */
  readonly folder: string
}

// Key generation takes half a second; the certificates of one process may well be the same.
let made: Promise<EvaluationCertificates> | undefined

/** The certificates of the evaluation, fresh for this process, as values and as files. */
export async function certificates(t: Test): Promise<CertificateSet> {
  made ??= makeCertificates(Date.now())
  const set = await made
  const folder = temporaryFolder(t)
  const files = { ca: set.ca, gateway: set.gateway, 'device-ca': set.deviceCa, device: set.device }
  for (const [name, { certificate, key }] of Object.entries(files)) {
    writeFileSync(join(folder, `${name}.crt`), certificate)
    writeFileSync(join(folder, `${name}.key`), key, { mode: 0o600 })
  }
  return { ...set, folder }
}

/** A folder of this test's own, beside `t.testdir()`, which each call would replace. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
