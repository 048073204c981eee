/**
 * What speaks for a first registration. `app` and `mdm-token` have their place in policies and in the record; their
 * collectors join the table in `evidence/`.
 */
export const evidenceKinds = ['network', 'certificate', 'app', 'mdm-token', 'approval'] as const
export type EvidenceKind = (typeof evidenceKinds)[number]
