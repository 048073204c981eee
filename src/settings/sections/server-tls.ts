import { z } from 'zod'
import { path } from './values.ts'

/**
 * How the servers behind one key of the settings are verified, the database's or the cache's.
 * @param server what they serve, `database`, as it stands in the descriptions
 */
export function serverTls(
  server: string,
  { ca, serverName }: { readonly ca: string; readonly serverName: string },
) {
  return z.strictObject({
    ca: z
      .array(path())
      .prefault([])
      .meta({
        description: `PEM files of the authorities that may have issued the ${server}’s certificate. Empty: the publicly known ones.`,
        examples: [[ca]],
      }),
    verify: z
      .enum(['full', 'ca'])
      .prefault('full')
      .meta({
        description: `\`full\`: the certificate is from an authority and for this host. \`ca\`: for whatever host the authority issued it, which only an authority of the ${server}’s own is good for.`,
      }),
    serverName: z
      .string()
      .min(1)
      .exactOptional()
      .meta({
        description: 'The name in the certificate, where it is not the host that is connected to.',
        examples: [serverName],
      }),
  })
}
