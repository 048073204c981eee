import { z } from 'zod'
import {
  formatRedisNode,
  formatRedisUrl,
  parseRedisNode,
  parseRedisUrl,
  type RedisNode,
} from '../../lib/redis-url.ts'
import type { RedisServer } from '../settings.ts'
import { secretSource } from './secret.ts'
import { serverTls } from './server-tls.ts'
import { duration, refuse, said } from './values.ts'

const sentence =
  'must be empty, redis://HOST:PORT, rediss://HOST:PORT for TLS, or a mapping with `url`, with `sentinels` and `name`, or with `cluster`'

const nodeSentence = 'must be a host and a port such as cache-1.internal:26379'

/** `HOST:PORT` */
function node(): z.ZodType<RedisNode, string> {
  return z.codec(z.string({ error: said(nodeSentence) }), z.custom<RedisNode>(), {
    decode: (text, context) => parseRedisNode(text) ?? refuse(context, undefined, nodeSentence),
    encode: formatRedisNode,
  })
}

const tls = serverTls('cache', { ca: '../certs/cache-ca.crt', serverName: 'cache.internal' })

const redis = z.strictObject({
  url: z
    .string({ error: said('must be redis://HOST:PORT') })
    .exactOptional()
    .meta({
      description: 'The one server, without a password.',
      examples: ['rediss://cache.internal:6379'],
    }),
  sentinels: z
    .array(node())
    .min(1)
    .exactOptional()
    .meta({
      description: 'Sentinels that know who the master is. Needs `name`.',
      examples: [['sentinel-1.internal:26379', 'sentinel-2.internal:26379']],
    }),
  name: z
    .string()
    .min(1)
    .exactOptional()
    .meta({ description: 'What the sentinels call the master.', examples: ['cache'] }),
  cluster: z
    .array(node())
    .min(1)
    .exactOptional()
    .meta({
      description: 'Some nodes of a Redis Cluster; the others are found through them.',
      examples: [['cache-1.internal:6379', 'cache-2.internal:6379']],
    }),
  username: z
    .string()
    .min(1)
    .exactOptional()
    .meta({ description: 'The ACL user.', examples: ['gatehouse'] }),
  password: secretSource()
    .exactOptional()
    .meta({
      description: 'Where the user’s password is.',
      examples: [{ file: '../secrets/redis-password' }],
    }),
  tls: tls.exactOptional().meta({
    description:
      'Connections are encrypted, and the servers’ certificates are verified. `{}`, or rediss:// alone, for a certificate of a public authority.',
    examples: [{ ca: ['../certs/cache-ca.crt'] }],
  }),
  keepStates: duration().prefault('10m').meta({
    description: 'How long a device state stays that nobody asks the record for.',
  }),
  keepUnknown: duration().prefault('5s').meta({
    description: 'How long an id stays unknown that the record did not know, unless it is registered.',
  }),
})

/** As it is written: paths may be relative, the secret is where it is. */
export type WrittenRedis = { readonly server: RedisServer; readonly database: number } & Omit<
  z.output<typeof redis>,
  'url' | 'sentinels' | 'name' | 'cluster'
>

export const redisSection = z
  .codec(
    z.union([z.null(), z.string(), redis], {
      error: ({ input }) => (typeof input === 'object' ? undefined : sentence),
    }),
    z.custom<WrittenRedis | null>(),
    {
      decode: (written, context) => {
        if (written === null) return null
        const read = readRedis(typeof written === 'string' ? redis.parse({ url: written }) : written)
        // Nothing is repeated: it may hold a password.
        return typeof read === 'string' ? refuse(context, undefined, read) : read
      },
      encode: writeRedis,
    },
  )
  .prefault(null)
  .meta({
    description:
      'The cache that several machines share (Redis 6.2 or later): device states, notices of changes, nonces, counters. Empty: each process keeps its own, which is enough for one machine. `redis://HOST:PORT`, or the keys below.',
    examples: ['redis://cache.internal:6379'],
  })

function readRedis({
  url,
  sentinels,
  name,
  cluster,
  ...same
}: z.output<typeof redis>): WrittenRedis | string {
  if ([url, sentinels, cluster].filter((one) => one !== undefined).length !== 1)
    return 'needs one of `url`, `sentinels` and `cluster`, and only one'
  if ((sentinels === undefined) !== (name === undefined))
    return '`sentinels` and `name` belong together: the name is what the sentinels call the master'
  if (sentinels !== undefined && name !== undefined)
    return { ...same, server: { kind: 'sentinel', sentinels, name }, database: 0 }
  if (cluster !== undefined) return { ...same, server: { kind: 'cluster', nodes: cluster }, database: 0 }
  return readSingle(url ?? '', same)
}

function readSingle(url: string, same: Omit<WrittenRedis, 'server' | 'database'>): WrittenRedis | string {
  const address = parseRedisUrl(url)
  if (typeof address === 'string') return `\`url\` ${address}`
  if (!address.tls && same.tls !== undefined) return '`tls` needs a `url` with rediss://'
  if (address.username !== undefined && same.username !== undefined)
    return 'names the user twice: in `url` and in `username`'
  const { host, port, database, username = same.username } = address
  const encrypted = address.tls ? { tls: same.tls ?? tls.parse({}) } : {}
  return {
    ...same,
    ...(username !== undefined && { username }),
    ...encrypted,
    server: { kind: 'single', host, port },
    database,
  }
}

/** Nodes and durations stay as they are: the union's own codecs write them. */
function writeRedis(written: WrittenRedis | null): z.output<typeof redis> | null {
  if (written === null) return null
  const { server, database, ...same } = written
  if (server.kind === 'sentinel') return { sentinels: [...server.sentinels], name: server.name, ...same }
  if (server.kind === 'cluster') return { cluster: [...server.nodes], ...same }
  const { host, port } = server
  return { url: formatRedisUrl({ tls: same.tls !== undefined, host, port, database }), ...same }
}
