import {
  choice,
  choices,
  flag,
  host,
  reference,
  references,
  secret,
  text,
  texts,
  webAddress,
  whole,
} from './fields.ts'
import type { PayloadDefinition } from './payload.ts'

const eapMethods = { tls: 13, leap: 17, sim: 18, ttls: 21, aka: 23, peap: 25, fast: 43 }
const tlsVersions = { '1.0': '1.0', '1.1': '1.1', '1.2': '1.2', '1.3': '1.3' }

export const wifi: PayloadDefinition = {
  name: 'wifi',
  type: 'com.apple.wifi.managed',
  title: 'Wi-Fi network',
  systems: { ios: '4.0', macos: '10.7' },
  fields: {
    ssid: text('SSID_STR', 'The name of the network.', { required: true, max: 32, example: 'Example Staff' }),
    hidden: flag('HIDDEN_NETWORK', 'The network does not show itself.'),
    autoJoin: flag('AutoJoin', 'Join by itself.'),
    encryption: choice(
      'EncryptionType',
      { wep: 'WEP', wpa: 'WPA', wpa2: 'WPA2', wpa3: 'WPA3', any: 'Any', none: 'None' },
      'At least this; `wpa2` is WPA3 as well, `wpa3` nothing less.',
      { ours: 'wpa2' },
    ),
    password: secret('Password', 'The password of a network without user names.'),
    eap: choices(
      'EAPClientConfiguration.AcceptEAPTypes',
      eapMethods,
      'How devices prove themselves to the network; `tls`: by certificate.',
      {
        example: ['tls'],
      },
    ),
    identity: reference(
      'PayloadCertificateUUID',
      'identity',
      'The certificate for `eap: [tls]`: the `id` of an identity of this profile (`scep` or `identity`).',
    ),
    trustedServers: texts(
      'EAPClientConfiguration.TLSTrustedServerNames',
      'Names in the certificates of the network’s own servers (RADIUS). Without them and `anchors` users are asked whether to trust it.',
      { example: ['radius.example.com'] },
    ),
    anchors: references(
      'EAPClientConfiguration.PayloadCertificateAnchorUUID',
      'anchor',
      'The CAs of those servers: `id`s of `certificate` payloads of this profile.',
    ),
    eapUser: text('EAPClientConfiguration.UserName', 'The user’s name at the network.', {
      example: '%user%',
    }),
    eapPassword: secret(
      'EAPClientConfiguration.UserPassword',
      'A password for all, for methods with passwords.',
    ),
    askPassword: flag(
      'EAPClientConfiguration.OneTimeUserPassword',
      'Ask for the password at every connection.',
    ),
    outerIdentity: text(
      'EAPClientConfiguration.OuterIdentity',
      'What stands in place of the user’s name where everybody can read it.',
      {
        example: 'anonymous@example.com',
      },
    ),
    innerAuthentication: choice(
      'EAPClientConfiguration.TTLSInnerAuthentication',
      { pap: 'PAP', eap: 'EAP', chap: 'CHAP', mschap: 'MSCHAP', mschapv2: 'MSCHAPv2' },
      'The method inside of TTLS.',
    ),
    certificateRequired: flag(
      'EAPClientConfiguration.TLSCertificateIsRequired',
      'The device must have a certificate with TTLS, PEAP and FAST, too.',
    ),
    tlsLeast: choice('EAPClientConfiguration.TLSMinimumVersion', tlsVersions, 'The least version of TLS.'),
    tlsMost: choice('EAPClientConfiguration.TLSMaximumVersion', tlsVersions, 'The newest version of TLS.'),
    proxy: choice('ProxyType', { none: 'None', manual: 'Manual', auto: 'Auto' }, 'The network’s web proxy.'),
    proxyHost: host('ProxyServer', 'The proxy, with `proxy: manual`.'),
    proxyPort: whole('ProxyServerPort', [0, 65_535], 'Its port.'),
    proxyUser: text('ProxyUsername', 'The user’s name there.'),
    proxyPassword: secret('ProxyPassword', 'The password there.'),
    proxyScript: webAddress('ProxyPACURL', 'Where the proxy’s script (PAC) is, with `proxy: auto`.'),
    proxyOptional: flag('ProxyPACFallbackAllowed', 'Go without the proxy when the script cannot be read.'),
    ignoreCaptivePortal: flag('CaptiveBypass', 'Do not look for a captive portal.'),
    sameAddress: flag(
      'DisableAssociationMACRandomization',
      'Show the device’s own hardware address, for networks that know devices by it.',
    ),
    ipv6: flag('EnableIPv6', 'Use IPv6.'),
  },
  facts: {
    SSID_STR: { ios: '7.0' },
    AutoJoin: { ios: '5.0' },
    'EAPClientConfiguration.OneTimeUserPassword': { ios: '8.0', macos: '10.8' },
    'EAPClientConfiguration.TLSCertificateIsRequired': { ios: '7.0' },
    'EAPClientConfiguration.TLSMinimumVersion': { ios: '11.0', macos: '10.13' },
    'EAPClientConfiguration.TLSMaximumVersion': { ios: '11.0', macos: '10.13' },
    ProxyType: { userEnrollment: 'forbidden', macosUserEnrollment: 'allowed' },
    ProxyServer: { userEnrollment: 'forbidden' },
    ProxyServerPort: { userEnrollment: 'forbidden' },
    ProxyUsername: { userEnrollment: 'forbidden' },
    ProxyPassword: { userEnrollment: 'forbidden', macosUserEnrollment: 'allowed' },
    ProxyPACURL: { userEnrollment: 'forbidden' },
    ProxyPACFallbackAllowed: { userEnrollment: 'forbidden' },
    CaptiveBypass: { ios: '10.0', macos: 'n/a' },
    DisableAssociationMACRandomization: { ios: '14.0', macos: '15.0', userEnrollment: 'forbidden' },
  },
  check(values) {
    const { eap, identity, password, encryption, trustedServers, anchors, proxy, proxyHost, proxyPort } =
      values
    const methods = (eap as readonly string[] | undefined) ?? []
    const wrong = (key: string, message: string) => ({ path: [key], message })
    const stray = methods.length > 0 ? undefined : eapKeys.find((key) => values[key] !== undefined)
    return [
      ...(stray === undefined ? [] : [wrong(stray, 'is never used without `eap`')]),
      ...(methods.includes('tls') && identity === undefined
        ? [wrong('identity', 'is missing: `eap: [tls]` needs an identity of this profile')]
        : []),
      ...(methods.length > 0 && trustedServers === undefined && anchors === undefined
        ? [
            wrong(
              'trustedServers',
              'is missing: without it or `anchors`, the device would not join by itself, or join an impostor',
            ),
          ]
        : []),
      ...(methods.length > 0 && password !== undefined
        ? [
            wrong(
              'password',
              'is the password of a network without user names; with `eap` it is `eapPassword`',
            ),
          ]
        : []),
      ...(encryption === 'none' && (password !== undefined || methods.length > 0)
        ? [wrong('encryption', 'must not be none, with a password or `eap`')]
        : []),
      ...(proxy === 'manual' && (proxyHost === undefined || proxyPort === undefined)
        ? [wrong('proxy', 'manual needs `proxyHost` and `proxyPort`')]
        : []),
    ]
  },
}

const eapKeys = [
  ...['identity', 'trustedServers', 'anchors', 'eapUser', 'eapPassword', 'askPassword', 'outerIdentity'],
  ...['innerAuthentication', 'certificateRequired', 'tlsLeast', 'tlsMost'],
]
