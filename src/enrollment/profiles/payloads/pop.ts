import { mailAccountFacts, mailAccountFields } from './mail-account.ts'
import type { PayloadDefinition } from './payload.ts'

export const pop: PayloadDefinition = {
  name: 'pop',
  type: 'com.apple.mail.managed',
  title: 'POP mail account',
  systems: { ios: '4.0', macos: '10.7' },
  macosUserChannel: true,
  fixed: { EmailAccountType: 'EmailTypePOP' },
  fields: mailAccountFields,
  facts: mailAccountFacts,
}
