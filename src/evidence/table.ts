import { appEvidence } from './app.ts'
import { approvalEvidence } from './approval.ts'
import { certificateEvidence } from './certificate.ts'
import type { CollectedKind, Evidence, Shown } from './evidence.ts'
import { mdmTokenEvidence } from './mdm-token.ts'

export const evidence: readonly Evidence[] = [
  certificateEvidence,
  appEvidence,
  mdmTokenEvidence,
  approvalEvidence,
]

/** The kinds that speak for a client, given what its exchange has shown. */
export function collectEvidence(shown: Shown): readonly CollectedKind[] {
  return evidence.filter((kind) => kind.speaksFor(shown)).map((kind) => kind.kind)
}
