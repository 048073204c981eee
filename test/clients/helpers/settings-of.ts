import type { BearerSettings, ClientKind, ClientSettings } from '../../../src/domain/service.ts'

const bearer: BearerSettings = {
  issuer: 'https://issuer.example.com',
  audience: ['api'],
  algorithms: ['ES256'],
  userClaim: 'sub',
  deviceClaim: 'device',
}

const settings: { readonly [K in ClientKind]: Extract<ClientSettings, { kind: K }> } = {
  browser: {
    kind: 'browser',
    signIn: {
      method: 'POST',
      path: '/login',
      user: { from: 'form', name: 'username' },
      success: { status: [302] },
    },
  },
  activesync: { kind: 'activesync' },
  lync: { kind: 'lync' },
  matrix: { kind: 'matrix' },
  bearer: { kind: 'bearer', bearer },
  generic: {
    kind: 'generic',
    generic: {
      device: [{ from: 'json', name: 'device' }],
      user: { from: 'basic' },
      bearer,
      success: { status: [200] },
    },
  },
}

/** Settings with which a protocol of this kind can be made. */
export function settingsOf(kind: ClientKind): ClientSettings {
  return settings[kind]
}
