import type { Evidence } from './evidence.ts'

/**
 * An active MDM token, shown in this request or remembered of this client. It says that the device is managed, not
 * which device it is. `mdm-token/` says how a token reads, how strong it must be and how it is hashed.
 */
export const mdmTokenEvidence: Evidence = {
  kind: 'mdm-token',
  speaksFor: ({ mdmToken }) => mdmToken === 'active',
}
