import { z } from 'zod'
import type { Limits } from '../../domain/limits.ts'
import { count, method, size, timer } from './values.ts'

/** Connections: what clients may open, and how long they may take. */
const connections = {
  connections: count().prefault(10_000).meta({ description: 'Client connections at a time, per process.' }),
  connectionsPerAddress: count().prefault(2000).meta({
    description: 'Client connections at a time from one address, per process. Large offices share one (NAT).',
  }),
  requestsPerConnection: count().prefault(1000).meta({
    description:
      'Requests after which a client connection is closed, so that clients spread again after a restart.',
  }),
  keepAliveTimeout: timer().prefault('75s').meta({
    description:
      'How long a client connection may wait for its next request. Longer than the load balancer’s.',
  }),
  tlsHandshakeTimeout: timer().prefault('10s').meta({ description: 'The time for the TLS handshake.' }),
  proxyHeaderTimeout: timer().prefault('3s').meta({ description: 'The time for the PROXY protocol header.' }),
  streamsPerConnection: count()
    .prefault(100)
    .meta({ description: 'Requests at a time on one HTTP/2 connection.' }),
  streamResets: count().prefault(200).meta({
    description:
      'Streams that an HTTP/2 client may reset in a short time before it is disconnected (rapid reset).',
  }),
}

/** Requests. */
const requests = {
  headerTimeout: timer().prefault('10s').meta({
    description: 'The time for the complete header section of a request, from its first byte (slow-loris).',
  }),
  headerSize: size().prefault('64KiB').meta({
    description: 'The size of a request’s header section. Kerberos tickets make large ones.',
  }),
  headerFields: count().prefault(200).meta({ description: 'The number of header fields of a request.' }),
  targetSize: size().prefault('16KiB').meta({ description: 'The length of path and query together.' }),
  methods: z
    .array(method())
    .min(1)
    .prefault(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    .meta({
      description:
        'The methods that pass, all of them. WebDAV and CalDAV need more. CONNECT and TRACE never pass.',
      examples: [['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT']],
    }),
  bodyTimeout: timer()
    .prefault('30s')
    .meta({ description: 'How long a request’s body may make no progress.' }),
  bodyRate: size().prefault('1KiB').meta({ description: 'The least that a body must progress in a second.' }),
  answerTimeout: timer().prefault('1m').meta({
    description:
      'How long a client may leave an answer unread that waits for it: whoever asks and does not read holds a connection to the upstream.',
  }),
}

/** Upstreams. */
const upstreams = {
  connectTimeout: timer()
    .prefault('5s')
    .meta({ description: 'The time to connect to an upstream, its TLS handshake included.' }),
  responseTimeout: timer().prefault('20m').meta({
    description:
      'How long an upstream may be silent before and within its answer. Long polls (ActiveSync Ping, UCWA) wait 15 minutes and more: a shorter time breaks them.',
  }),
  upgradeIdleTimeout: timer().prefault('30m').meta({
    description: 'How long a WebSocket may be silent in both directions.',
  }),
  upstreamHeaderSize: size()
    .prefault('32KiB')
    .meta({ description: 'The size of an answer’s header section.' }),
  upstreamConnections: count().prefault(10_000).meta({
    description:
      'Connections at a time to each upstream address, per process. Each parked long poll holds one, so fewer than `connections` lock devices out.',
  }),
  upstreamKeepAlive: timer().prefault('30s').meta({
    description: 'How long an idle connection to an upstream is kept. Shorter than the upstream’s own.',
  }),
}

/** The record and the cache before it. */
const record = {
  redisTimeout: timer().prefault('50ms').meta({
    description:
      'How long a request waits for Redis. Later the record is asked instead, and a sign-in that needs a nonce is told to try again.',
  }),
  recordTimeout: timer().prefault('500ms').meta({
    description:
      'How long a request waits for a look into the record. Later the device is served from what is known of it, or told to try again.',
  }),
  recordWriteTimeout: timer().prefault('5s').meta({
    description:
      'How long a request waits for a write to the record, such as a registration. Longer, because the writes of the whole installation follow one another.',
  }),
}

/** The process. */
const whole = {
  stopDelay: timer()
    .prefault('0s')
    .meta({
      description:
        'How long after SIGTERM new connections are still taken, while `/readyz` says 503 already. Behind a load balancer longer than its health checks need to notice: whom it sends meanwhile would be turned away.',
      examples: ['10s'],
    }),
  drainFor: timer().prefault('30s').meta({
    description: 'How long open requests may go on after SIGTERM and `stopDelay` before they are closed.',
  }),
  pendingApprovals: count().prefault(1000).meta({ description: 'Devices that wait for approval at a time.' }),
  hotDevices: count().prefault(100_000).meta({
    description: 'Device states that each process keeps in memory.',
  }),
  hotMemory: size().prefault('128MiB').meta({
    description: 'The memory for those, per process. Whichever of the two is reached first holds.',
  }),
}

export const limitsSection = z
  .strictObject({ ...connections, ...requests, ...upstreams, ...record, ...whole } satisfies Record<
    keyof Limits,
    z.ZodType
  >)
  .prefault({})
  .meta({
    description:
      'How much and how long. Every limit has a default that fits mail and chat. The enrollment listener goes by those of connections and of waiting, too: see [enrollment.md](../enrollment.md).',
  })
