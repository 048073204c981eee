import { text } from './fields.ts'
import { mailAccountFacts, mailAccountFields } from './mail-account.ts'
import type { PayloadDefinition } from './payload.ts'

export const imap: PayloadDefinition = {
  name: 'imap',
  type: 'com.apple.mail.managed',
  title: 'IMAP mail account',
  systems: { ios: '4.0', macos: '10.7' },
  macosUserChannel: true,
  fixed: { EmailAccountType: 'EmailTypeIMAP' },
  fields: {
    ...mailAccountFields,
    pathPrefix: text('IncomingMailServerIMAPPathPrefix', 'The prefix of the user’s folders at the server.'),
  },
  facts: mailAccountFacts,
}
