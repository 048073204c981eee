/** What speaks for a first registration. */
export const evidenceKinds = ['network', 'certificate', 'app', 'mdm-token', 'approval'] as const
export type EvidenceKind = (typeof evidenceKinds)[number]
