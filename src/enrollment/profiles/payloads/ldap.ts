import { choice, flag, host, records, secret, text } from './fields.ts'
import type { PayloadDefinition } from './payload.ts'

export const ldap: PayloadDefinition = {
  name: 'ldap',
  type: 'com.apple.ldap.account',
  title: 'LDAP directory',
  systems: { ios: '4.0', macos: '10.7' },
  macosUserChannel: true,
  fields: {
    host: host('LDAPAccountHostName', 'The directory server.', {
      required: true,
      example: 'ldap.example.com',
    }),
    description: text('LDAPAccountDescription', 'What the account is called on the device.'),
    ssl: flag('LDAPAccountUseSSL', 'Use TLS.', { ours: true }),
    user: text('LDAPAccountUserName', 'The name to sign in with.', {
      example: 'uid=%user%,ou=people,dc=example,dc=com',
    }),
    password: secret('LDAPAccountPassword', 'A password for all; left out, the device asks its user.'),
    search: records(
      'LDAPSearchSettings',
      'Where people are looked for.',
      {
        base: text('LDAPSearchSettingSearchBase', 'The entry below which it searches.', {
          required: true,
          example: 'ou=people,dc=example,dc=com',
        }),
        description: text('LDAPSearchSettingDescription', 'What this search is called.'),
        scope: choice(
          'LDAPSearchSettingScope',
          {
            base: 'LDAPSearchSettingScopeBase',
            'one-level': 'LDAPSearchSettingScopeOneLevel',
            subtree: 'LDAPSearchSettingScopeSubtree',
          },
          'How deep.',
        ),
      },
      { required: true },
    ),
  },
}
