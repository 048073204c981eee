import type { Evidence } from './evidence.ts'

/** An administrator's approval of this client. One given for a user does not speak for another. */
export const approvalEvidence: Evidence = {
  kind: 'approval',
  speaksFor: ({ approval, user }) =>
    approval?.status === 'granted' && (approval.user === undefined || approval.user === user),
}
