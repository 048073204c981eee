import { z } from 'zod'
import { plainTextMistake } from '../variables.ts'
import { bit, choice, custom, host, number, reference, secret, text, texts, whole } from './fields.ts'
import type { Fields, PayloadDefinition } from './payload.ts'

const encryption = {
  'aes-128': 'AES-128',
  'aes-256': 'AES-256',
  'aes-128-gcm': 'AES-128-GCM',
  'aes-256-gcm': 'AES-256-GCM',
  chacha20: 'ChaCha20Poly1305',
}
const integrity = { 'sha2-256': 'SHA2-256', 'sha2-384': 'SHA2-384', 'sha2-512': 'SHA2-512' }
const groups = [14, 15, 16, 17, 18, 19, 20, 21, 31, 32]

function association(name: string, key: string, which: string): Fields {
  return {
    [`${name}Encryption`]: choice(`${key}.EncryptionAlgorithm`, encryption, `Encryption of ${which}.`),
    [`${name}Integrity`]: choice(`${key}.IntegrityAlgorithm`, integrity, `Integrity of ${which}.`),
    [`${name}Group`]: number(`${key}.DiffieHellmanGroup`, groups, `Diffie-Hellman group of ${which}.`),
    [`${name}Minutes`]: whole(`${key}.LifeTimeInMinutes`, [10, 1440], `Minutes until ${which} is made anew.`),
  }
}

const plain = () =>
  z
    .string()
    .min(1)
    .max(253)
    .superRefine((written, context) => {
      const message = plainTextMistake(written)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    })

const onDemandEntry = z.strictObject({
  action: z
    .enum(['connect', 'disconnect', 'ignore', 'allow'])
    .meta({ description: 'What is done where the rest of the entry fits.' }),
  ssids: z.array(plain()).exactOptional().meta({ description: 'Wi-Fi networks.' }),
  interface: z
    .enum(['wifi', 'cellular', 'ethernet'])
    .exactOptional()
    .meta({ description: 'The kind of network.' }),
  dnsDomains: z.array(plain()).exactOptional().meta({ description: 'Search domains of the network.' }),
  probe: z
    .url({ protocol: /^https?$/ })
    .exactOptional()
    .meta({ description: 'An address that answers with 200 there.' }),
})
type OnDemandEntry = z.output<typeof onDemandEntry>

const actions = { connect: 'Connect', disconnect: 'Disconnect', ignore: 'Ignore', allow: 'Allow' } as const
const interfaces = { wifi: 'WiFi', cellular: 'Cellular', ethernet: 'Ethernet' } as const

/** Booleans of this payload are whole numbers to the device. */
export const vpn: PayloadDefinition = {
  name: 'vpn',
  type: 'com.apple.vpn.managed',
  title: 'VPN (IKEv2)',
  systems: { ios: '4.0', macos: '10.7' },
  userEnrollment: 'forbidden',
  fixed: { VPNType: 'IKEv2' },
  fields: {
    name: text('UserDefinedName', 'What the connection is called on the device.', {
      required: true,
      example: 'Example Corp',
    }),
    server: host('IKEv2.RemoteAddress', 'The VPN’s address.', { required: true, example: 'vpn.example.com' }),
    serverId: text('IKEv2.RemoteIdentifier', 'The name in the server’s certificate.', {
      required: true,
      example: 'vpn.example.com',
    }),
    localId: text(
      'IKEv2.LocalIdentifier',
      'The device’s own name: one of its certificate, when it signs in with one.',
      {
        required: true,
        example: '%user%',
      },
    ),
    authentication: choice(
      'IKEv2.AuthenticationMethod',
      { certificate: 'Certificate', 'shared-secret': 'SharedSecret', eap: 'None' },
      'How the device proves itself: by certificate, by a secret that all share, or by EAP alone.',
      { ours: 'certificate' },
    ),
    identity: reference(
      'IKEv2.PayloadCertificateUUID',
      'identity',
      'The certificate: the `id` of an identity of this profile (`scep` or `identity`).',
    ),
    certificateType: choice(
      'IKEv2.CertificateType',
      { rsa: 'RSA', ecdsa256: 'ECDSA256', ecdsa384: 'ECDSA384', ecdsa521: 'ECDSA521', 'rsa-pss': 'RSA-PSS' },
      'The kind of the certificate’s key. Needs `serverIssuer`.',
    ),
    sharedSecret: secret('IKEv2.SharedSecret', 'The secret that all share.'),
    extendedAuthentication: bit('IKEv2.ExtendedAuthEnabled', 'Sign in with EAP.'),
    user: text('IKEv2.AuthName', 'The user’s name, with EAP.', { example: '%user%' }),
    password: secret('IKEv2.AuthPassword', 'A password for all, with EAP.'),
    serverIssuer: text(
      'IKEv2.ServerCertificateIssuerCommonName',
      'The common name of the CA of the server’s certificate.',
    ),
    serverName: text('IKEv2.ServerCertificateCommonName', 'The common name in the server’s certificate.'),
    deadPeerDetection: choice(
      'IKEv2.DeadPeerDetectionRate',
      { none: 'None', low: 'Low', medium: 'Medium', high: 'High' },
      'How soon a dead connection is noticed: 30, 10 or 1 minutes.',
    ),
    forwardSecrecy: bit('IKEv2.EnablePFS', 'Perfect forward secrecy.', { ours: true }),
    checkRevocation: bit(
      'IKEv2.EnableCertificateRevocationCheck',
      'Ask whether the server’s certificate is revoked.',
    ),
    noMobike: bit(
      'IKEv2.DisableMOBIKE',
      'Switch MOBIKE off; it keeps the connection from one network to the next.',
    ),
    noRedirect: bit('IKEv2.DisableRedirect', 'Do not follow redirects of the server.'),
    mtu: whole('IKEv2.MTU', [1280, 1400], 'The largest packet.'),
    allTraffic: bit(
      'IKEv2.IncludeAllNetworks',
      'Everything goes through the VPN. Push notifications stay outside, or the device could not be reached any more.',
    ),
    exceptLocal: bit('IKEv2.ExcludeLocalNetworks', 'Local networks stay outside of it.'),
    enforceRoutes: bit('IKEv2.EnforceRoutes', 'The VPN’s routes go before those of local networks.'),
    disconnectIdle: bit('IKEv2.DisconnectOnIdle', 'Disconnect when nothing is sent.'),
    idleSeconds: whole('IKEv2.DisconnectOnIdleTimer', [1, 86_400], 'Seconds after which nothing is nothing.'),
    onDemandEnabled: bit('IKEv2.OnDemandEnabled', 'Connect by itself, as `onDemand` says.'),
    onDemandFixed: bit('IKEv2.OnDemandUserOverrideDisabled', 'Users cannot switch that off.'),
    onDemand: custom(
      z.array(onDemandEntry).min(1),
      'When the device connects by itself: the first entry that fits.',
      {
        key: 'IKEv2.OnDemandRules',
        type: 'array',
        write: (value) => (value as readonly OnDemandEntry[]).map(writeOnDemand), // as the schema has it
      },
      { example: [{ action: 'disconnect', ssids: ['Example Staff'] }, { action: 'connect' }] },
    ),
    ...association('ike', 'IKEv2.IKESecurityAssociationParameters', 'the key exchange'),
    ...association('child', 'IKEv2.ChildSecurityAssociationParameters', 'the traffic'),
    dnsServers: texts('DNS.ServerAddresses', 'DNS servers of the VPN.', { example: ['10.0.0.53'] }),
    dnsDomains: texts('DNS.SupplementalMatchDomains', 'Only these domains are looked up there.'),
    dnsSearch: texts('DNS.SearchDomains', 'Domains that short names are looked up in.'),
  },
  facts: {
    'IKEv2.EnablePFS': { ios: '9.0' },
    'IKEv2.EnableCertificateRevocationCheck': { ios: '9.0' },
    'IKEv2.DisableMOBIKE': { ios: '9.0' },
    'IKEv2.DisableRedirect': { ios: '9.0' },
    'IKEv2.MTU': { ios: '14.0', macos: '11.0' },
    'IKEv2.IncludeAllNetworks': { ios: '14.0', macos: '10.15' },
    'IKEv2.ExcludeLocalNetworks': { ios: '14.2', macos: '10.15' },
    'IKEv2.EnforceRoutes': { ios: '14.2', macos: '11.0' },
    'IKEv2.OnDemandUserOverrideDisabled': { ios: '14.0', macos: 'n/a' },
    'DNS.ServerAddresses': { ios: '10.0', macos: '10.12' },
    'DNS.SupplementalMatchDomains': { ios: '10.0', macos: '10.12' },
    'DNS.SearchDomains': { ios: '10.0', macos: '10.12' },
  },
  check({
    authentication,
    identity,
    sharedSecret,
    extendedAuthentication,
    certificateType,
    serverIssuer,
    dnsServers,
    dnsDomains,
    dnsSearch,
  }) {
    const wrong = (key: string, message: string) => ({ path: [key], message })
    return [
      ...(authentication === 'certificate' && identity === undefined
        ? [wrong('identity', 'is missing: `authentication: certificate` needs an identity of this profile')]
        : []),
      ...(authentication === 'shared-secret' && sharedSecret === undefined
        ? [wrong('sharedSecret', 'is missing: `authentication: shared-secret` needs it')]
        : []),
      ...(authentication === 'eap' && extendedAuthentication !== true
        ? [
            wrong(
              'extendedAuthentication',
              'must be true with `authentication: eap`; devices would take it for a shared secret',
            ),
          ]
        : []),
      ...(certificateType !== undefined && serverIssuer === undefined
        ? [wrong('serverIssuer', 'is missing: with `certificateType` devices need it')]
        : []),
      ...(dnsServers === undefined && (dnsDomains !== undefined || dnsSearch !== undefined)
        ? [wrong('dnsServers', 'is missing: the other `dns…` keys need it')]
        : []),
    ]
  },
  finish(content) {
    // Left out, systems before DNS over TLS know no other; the schema asks for it.
    if (content.DNS === undefined) return content
    return { ...content, DNS: { DNSProtocol: 'Cleartext', ...(content.DNS as object) } }
  },
}

function writeOnDemand({ action, ssids, interface: kind, dnsDomains, probe }: OnDemandEntry) {
  return {
    Action: actions[action],
    ...(ssids && { SSIDMatch: ssids }),
    ...(kind && { InterfaceTypeMatch: interfaces[kind] }),
    ...(dnsDomains && { DNSDomainMatch: dnsDomains }),
    ...(probe !== undefined && { URLStringProbe: probe }),
  }
}
