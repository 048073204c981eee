import type { Evidence } from './evidence.ts'

/**
 * The company app, which only the MDM hands out: the client opened a binding link that the app got for a signed request,
 * or its request is signed with the key of the app's own device. The user of the client is the user of the app.
 */
export const appEvidence: Evidence = {
  kind: 'app',
  speaksFor: ({ app }) => app === 'proved',
}
