import { z } from 'zod'
import { formatPostgresUrl, type PostgresUrl, parsePostgresUrl } from '../../lib/postgres-url.ts'
import { secretSource } from './secret.ts'
import { serverTls } from './server-tls.ts'
import { refuse, said, timer } from './values.ts'

const sentence =
  'must be sqlite: and the path of a file, such as sqlite:/var/lib/gatehouse/gatehouse.db, or postgres://USER@HOST/DATABASE'

/** As it is written: paths may be relative, secrets are where they are. */
export type WrittenStore = WrittenSqlite | WrittenPostgres

interface WrittenSqlite {
  readonly kind: 'sqlite'
  readonly path: string
}

type WrittenPostgres = { readonly kind: 'postgres' } & PostgresUrl & Omit<z.output<typeof postgres>, 'url'>

const tls = serverTls('database', { ca: '../certs/database-ca.crt', serverName: 'db.internal' })

const postgres = z.strictObject({
  url: z.string({ error: said('must be postgres://USER@HOST:PORT/DATABASE') }).meta({
    description: 'The server, the user and the database, without a password.',
    examples: ['postgres://gatehouse@db.internal/gatehouse'],
  }),
  password: secretSource()
    .exactOptional()
    .meta({
      description: 'Where the user’s password is.',
      examples: [{ file: '../secrets/database-password' }],
    }),
  tls: tls.exactOptional().meta({
    description:
      'Connections are encrypted, and the server’s certificate is verified. `{}` for a certificate of a public authority. Without this key nothing is encrypted.',
    examples: [{ ca: ['../certs/database-ca.crt'] }],
  }),
  pool: z.int().min(3).max(1000).prefault(10).meta({
    description:
      'Connections at a time, of each gateway process. Two of them are for writes. All processes together must stay below the server’s `max_connections`.',
  }),
  connectTimeout: timer().prefault('5s').meta({
    description: 'The time to connect, and to wait for a free connection.',
  }),
  statementTimeout: timer().prefault('5s').meta({
    description:
      'The time for one statement, its wait for locks included. The server ends it then; one that stays silent has its connection closed.',
  }),
})

export const storeSection = z
  .codec(
    z.union([z.string(), postgres], {
      error: ({ input }) =>
        typeof input === 'object' && input !== null ? undefined : said(sentence)({ input }),
    }),
    z.custom<WrittenStore>(),
    {
      decode: (written, context) => {
        const store = typeof written === 'string' ? readStore(written) : readPostgres(written)
        // Nothing is repeated: it may hold a password.
        return typeof store === 'string' ? refuse(context, undefined, store) : store
      },
      encode: (store) => {
        if (store.kind === 'sqlite') return `sqlite:${store.path}`
        const { kind: _, user, host, port, database, ...options } = store
        return { url: formatPostgresUrl({ user, host, port, database }), ...options }
      },
    },
  )
  .meta({
    description:
      'Where the record is kept: registrations, approvals, audit. A file of SQLite’s, which is made at the first start, or a database of PostgreSQL (14 or later), which several machines can share and which has to exist already: `postgres://USER@HOST/DATABASE`, or the keys below.',
    examples: ['sqlite:../data/gatehouse.db'],
  })

/** `sqlite:PATH` or a `postgres://` URL, with every default. @returns what is wrong in words that repeat nothing */
export function readStore(text: string): WrittenStore | string {
  if (/^postgres(ql)?:/.test(text)) return readPostgres(postgres.parse({ url: text }))
  const file = /^sqlite:(.+)$/.exec(text)?.[1]
  // `sqlite:///x` is what other programs write; SQLite's own `:memory:` would forget every registration.
  if (file === undefined || file.startsWith('//') || file === ':memory:') return sentence
  return { kind: 'sqlite', path: file }
}

function readPostgres({ url, ...options }: z.output<typeof postgres>): WrittenPostgres | string {
  const address = parsePostgresUrl(url)
  return typeof address === 'string' ? address : { kind: 'postgres', ...address, ...options }
}
