import { z } from 'zod'
import type { Secret } from '../../secret.ts'
import { secretSource } from '../secret.ts'
import { commonKeys, name, type VendorCommon, vendorSection, vendorUrl } from './common.ts'

export interface IntuneSettings extends VendorCommon {
  readonly loginUrl: URL
  readonly tenant: string
  readonly clientId: string
  readonly clientSecret: Secret
  /** Devices a page. */
  readonly pageSize: number
  /** What two states mean that say neither compliant nor not. */
  readonly conflict: 'noncompliant' | 'unknown'
  readonly error: 'noncompliant' | 'unknown'
}

const meaning = z.enum(['noncompliant', 'unknown']).prefault('noncompliant')

export const intune = vendorSection({
  title: 'Microsoft Intune',
  schema: z.strictObject({
    type: z.literal('intune'),
    ...commonKeys,
    tenant: name()
      .regex(/^[A-Za-z0-9.-]{1,255}$/, 'must be a tenant’s id or one of its domain names')
      .meta({
        description: 'The tenant: Microsoft Entra admin center > Overview > Tenant ID or Primary domain.',
        examples: ['example.onmicrosoft.com'],
      }),
    clientId: name().meta({
      description:
        'The application: Entra admin center > App registrations > the one for Gatehouse > Application (client) ID. It needs the application permission DeviceManagementManagedDevices.Read.All, with admin consent (API permissions).',
      examples: ['7d3c0000-0000-4000-8000-000000000000'],
    }),
    clientSecret: secretSource().meta({
      description:
        'A secret of that application (Certificates & secrets > Client secrets > Value). It ends on the date that the page shows.',
      examples: [{ env: 'INTUNE_SECRET' }],
    }),
    url: vendorUrl().prefault('https://graph.microsoft.com').meta({
      description:
        'Microsoft Graph. National clouds have others: `https://graph.microsoft.us`, `https://microsoftgraph.chinacloudapi.cn`.',
    }),
    loginUrl: vendorUrl().prefault('https://login.microsoftonline.com').meta({
      description:
        'Where tokens are issued. National clouds have others: `https://login.microsoftonline.us`, `https://login.partner.microsoftonline.cn`.',
    }),
    pageSize: z.int().min(1).max(1000).prefault(1000).meta({ description: 'Devices a page.' }),
    conflict: meaning.meta({
      description:
        'What Intune’s state `conflict` means: two of its policies contradict each other, and it cannot tell.',
    }),
    error: meaning.meta({
      description: 'What Intune’s state `error` means: a policy could not be evaluated.',
    }),
  }),
  build(settings, builder): IntuneSettings {
    const { type, clientSecret, ca, proxy, ...written } = settings
    return {
      ...written,
      ...builder.common(settings),
      clientSecret: builder.secret(clientSecret, 'clientSecret'),
    }
  },
})
