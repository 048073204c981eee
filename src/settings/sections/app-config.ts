import { z } from 'zod'
import { overridableKeys } from '../../app-config/entries.ts'
import { vendors } from '../../app-config/vendors/table.ts'
import { hostName } from './values.ts'

const sentence = 'must be an id such as com.example.gatehouse'
const appId = () =>
  z
    .string({ error: sentence })
    .max(200)
    .regex(/^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+$/, sentence)
    .prefault('com.example.gatehouse')

export const appConfigSection = z
  .strictObject({
    appId: z
      .strictObject({
        ios: appId().meta({ description: 'Its bundle id.' }),
        android: appId().meta({ description: 'Its package name.' }),
      })
      .prefault({})
      .meta({ description: 'Your company app.' }),
    defaultHost: hostName()
      .exactOptional()
      .meta({
        description:
          'The gateway’s host that the app registers at; the first of `gateway.hosts` when not given.',
        examples: ['register.example.com'],
      }),
    values: z
      .partialRecord(
        z.enum(vendors.map(({ name }) => name)),
        z.partialRecord(z.enum(overridableKeys), z.string().min(1).max(1000)),
      )
      .prefault({})
      .meta({
        description:
          'For each MDM vendor, values that take the place of the vendor’s own variables: see [app-config.md](app-config.md).',
        examples: [{ 'workspace-one': { username: '{UserPrincipalName}' } }],
      }),
  })
  .prefault({})
  .meta({ description: 'What `gatehouse app-config` writes for the MDM.' })
