import { flag, host, number, reference, secret, text, webAddress } from './fields.ts'
import { smimeFields } from './mail-account.ts'
import type { PayloadDefinition } from './payload.ts'

export const exchange: PayloadDefinition = {
  name: 'exchange',
  type: 'com.apple.eas.account',
  title: 'Exchange ActiveSync account',
  systems: { ios: '4.0' },
  fields: {
    host: host('Host', 'The server of the account.', { example: 'mail.example.com' }),
    ssl: flag('SSL', 'Use TLS.', { ours: true }),
    user: text('UserName', 'The user’s name at the server, with a domain where it needs one.', {
      example: '%user%',
    }),
    email: text('EmailAddress', 'The user’s mail address.', { example: '%email%' }),
    password: secret(
      'Password',
      'A password for all who get the profile; left out, the device asks its user.',
    ),
    overridePassword: flag('OverridePreviousPassword', 'Replace a password that the user has typed before.'),
    identity: reference(
      'PayloadCertificateUUID',
      'identity',
      'Sign in with a certificate: the `id` of an identity of this profile (`scep` or `identity`).',
    ),
    oauth: flag('OAuth', 'Sign in with OAuth; there is no password then.'),
    oauthSignIn: webAddress(
      'OAuthSignInURL',
      'Where users sign in with OAuth, when the device is not to find it.',
    ),
    oauthToken: webAddress('OAuthTokenRequestURL', 'Where tokens are asked for with OAuth.'),
    days: number(
      'MailNumberOfPastDaysToSync',
      [0, 1, 3, 7, 14, 31],
      'How many days of mail are on the device; 0: all.',
    ),
    mail: flag('EnableMail', 'Mail is on.'),
    contacts: flag('EnableContacts', 'Contacts are on.'),
    calendars: flag('EnableCalendars', 'Calendars are on.'),
    reminders: flag('EnableReminders', 'Reminders are on.'),
    notes: flag('EnableNotes', 'Notes are on.'),
    usersMayChangeMail: flag('EnableMailUserOverridable', 'Users may switch mail on and off.'),
    usersMayChangeContacts: flag('EnableContactsUserOverridable', 'Users may switch contacts on and off.'),
    usersMayChangeCalendars: flag('EnableCalendarsUserOverridable', 'Users may switch calendars on and off.'),
    usersMayChangeReminders: flag('EnableRemindersUserOverridable', 'Users may switch reminders on and off.'),
    usersMayChangeNotes: flag('EnableNotesUserOverridable', 'Users may switch notes on and off.'),
    keepMessages: flag('PreventMove', 'Messages cannot be moved to other accounts.'),
    mailAppOnly: flag('PreventAppSheet', 'Other apps cannot send with this account.'),
    noRecentAddresses: flag('disableMailRecentsSyncing', 'Recent addresses stay on the device.'),
    mailDrop: flag('allowMailDrop', 'Large attachments may go over iCloud (Mail Drop).'),
    ...smimeFields,
  },
  facts: {
    OverridePreviousPassword: { ios: '14.0' },
    OAuth: { ios: '12.0' },
    OAuthSignInURL: { ios: '13.0' },
    OAuthTokenRequestURL: { ios: '13.0' },
    EnableMail: { ios: '13.0' },
    EnableContacts: { ios: '13.0' },
    EnableCalendars: { ios: '13.0' },
    EnableReminders: { ios: '13.0' },
    EnableNotes: { ios: '13.0' },
    EnableMailUserOverridable: { ios: '13.0' },
    EnableContactsUserOverridable: { ios: '13.0' },
    EnableCalendarsUserOverridable: { ios: '13.0' },
    EnableRemindersUserOverridable: { ios: '13.0' },
    EnableNotesUserOverridable: { ios: '13.0' },
    PreventMove: { ios: '5.0' },
    PreventAppSheet: { ios: '5.0' },
    allowMailDrop: { ios: '9.2' },
    SMIMESigningEnabled: { ios: '10.3' },
    SMIMESigningCertificateUUID: { ios: '5.0' },
    SMIMEEncryptByDefault: { ios: '12.0' },
    SMIMEEncryptionCertificateUUID: { ios: '5.0' },
    SMIMEEnableEncryptionPerMessageSwitch: { ios: '12.0' },
  },
  check({ mail, contacts, calendars, reminders, notes, oauth, password, oauthSignIn, host }) {
    const off = [mail, contacts, calendars, reminders, notes].every((one) => one === false)
    return [
      ...(off
        ? [{ path: ['mail'], message: 'mail, contacts, calendars, reminders and notes cannot all be off' }]
        : []),
      ...(oauth === true && password !== undefined
        ? [{ path: ['password'], message: 'is never used: with `oauth` there is no password' }]
        : []),
      ...(host === undefined && oauthSignIn === undefined && oauth !== true
        ? [{ path: ['host'], message: 'is missing: a text' }]
        : []),
    ]
  },
}
