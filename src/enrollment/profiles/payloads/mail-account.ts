/** What the payloads of mail accounts share. */
import { choice, flag, host, reference, secret, text, whole } from './fields.ts'
import type { Fields, KeyFacts } from './payload.ts'

const authentication = {
  none: 'EmailAuthNone',
  password: 'EmailAuthPassword',
  'cram-md5': 'EmailAuthCRAMMD5',
  ntlm: 'EmailAuthNTLM',
  'http-md5': 'EmailAuthHTTPMD5',
}

export const smimeFields: Fields = {
  smimeSign: flag('SMIMESigningEnabled', 'Sign mail with S/MIME.'),
  smimeSigningIdentity: reference(
    'SMIMESigningCertificateUUID',
    'identity',
    'The identity that signs: the `id` of one of this profile.',
  ),
  smimeEncrypt: flag('SMIMEEncryptByDefault', 'Encrypt mail with S/MIME unless the user says otherwise.'),
  smimeEncryptionIdentity: reference(
    'SMIMEEncryptionCertificateUUID',
    'identity',
    'The identity that mail is encrypted to: the `id` of one of this profile.',
  ),
  smimeChoice: flag(
    'SMIMEEnableEncryptionPerMessageSwitch',
    'Users choose for each message whether it is encrypted.',
  ),
}

/** What Apple says of them, by its keys. */
export const mailAccountFacts: Readonly<Record<string, KeyFacts>> = {
  PreventMove: { ios: '5.0', macos: 'n/a' },
  PreventAppSheet: { ios: '5.0', macos: 'n/a' },
  disableMailRecentsSyncing: { ios: '6.0' },
  allowMailDrop: { ios: '9.2', macos: '10.12' },
  SMIMESigningEnabled: { ios: '10.0', macos: 'n/a' },
  SMIMESigningCertificateUUID: { ios: '5.0', macos: 'n/a' },
  SMIMEEncryptByDefault: { ios: '12.0', macos: 'n/a' },
  SMIMEEncryptionCertificateUUID: { ios: '5.0', macos: 'n/a' },
  SMIMEEnableEncryptionPerMessageSwitch: { ios: '12.0', macos: 'n/a' },
}

/** Of IMAP and POP accounts; the two differ in their type alone. */
export const mailAccountFields: Fields = {
  description: text('EmailAccountDescription', 'What the account is called on the device.', {
    example: 'Example Corp',
  }),
  name: text('EmailAccountName', 'The sender’s name.', { example: '%name%' }),
  email: text('EmailAddress', 'The user’s mail address.', { example: '%email%' }),
  incomingHost: host('IncomingMailServerHostName', 'The server that mail is read from.', {
    required: true,
    example: 'imap.example.com',
  }),
  incomingPort: whole('IncomingMailServerPortNumber', [1, 65_535], 'Its port; left out, the protocol’s own.'),
  incomingSsl: flag('IncomingMailServerUseSSL', 'Use TLS.', { ours: true }),
  incomingAuthentication: choice(
    'IncomingMailServerAuthentication',
    authentication,
    'How the user signs in there.',
    {
      ours: 'password',
    },
  ),
  incomingUser: text('IncomingMailServerUsername', 'The user’s name there.', { example: '%user%' }),
  incomingPassword: secret('IncomingPassword', 'A password for all; left out, the device asks its user.'),
  outgoingHost: host('OutgoingMailServerHostName', 'The server that mail is sent by.', {
    required: true,
    example: 'smtp.example.com',
  }),
  outgoingPort: whole(
    'OutgoingMailServerPortNumber',
    [1, 65_535],
    'Its port; left out, 25, 587 and 465 are tried in this order.',
  ),
  outgoingSsl: flag('OutgoingMailServerUseSSL', 'Use TLS.', { ours: true }),
  outgoingAuthentication: choice(
    'OutgoingMailServerAuthentication',
    authentication,
    'How the user signs in there.',
    {
      ours: 'password',
    },
  ),
  outgoingUser: text('OutgoingMailServerUsername', 'The user’s name there.'),
  outgoingPassword: secret('OutgoingPassword', 'A password for all; left out, the device asks its user.'),
  samePassword: flag(
    'OutgoingPasswordSameAsIncomingPassword',
    'The password of the incoming server is used for the outgoing one.',
  ),
  keepMessages: flag('PreventMove', 'Messages cannot be moved to other accounts.'),
  mailAppOnly: flag('PreventAppSheet', 'Other apps cannot send with this account.'),
  noRecentAddresses: flag('disableMailRecentsSyncing', 'Recent addresses stay on the device.'),
  mailDrop: flag('allowMailDrop', 'Large attachments may go over iCloud (Mail Drop).'),
  ...smimeFields,
}
