import { z } from 'zod'
import { listenAddress } from './values.ts'

export const managementSection = z
  .strictObject({
    listen: listenAddress()
      .prefault('http://127.0.0.1:8444')
      .meta({
        description: 'Where `/healthz`, `/readyz` and `/metrics` are served.',
        examples: ['http://[::1]:8444'],
      }),
    allowRemote: z.boolean().prefault(false).meta({
      description: 'Allow an address that other machines can reach, such as a management network’s.',
    }),
  })
  .prefault({})
  .meta({ description: 'The listener for operators, apart from the users’ listeners.' })

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
