/** How much and how long: one value for each limit of `limits:` in the settings. Times in milliseconds, sizes in bytes. */
export interface Limits {
  /** The complete header section of a request, from its first byte (slow-loris). */
  readonly headerTimeout: number
  readonly headerSize: number
  readonly headerFields: number
  readonly targetSize: number
  readonly methods: readonly string[]
  /** The body's progress: the time that may pass without a byte, and the least bytes per second once it flows. */
  readonly bodyTimeout: number
  readonly bodyRate: number
  /** The time that a client may leave an answer unread which waits for it. */
  readonly answerTimeout: number
  readonly keepAliveTimeout: number
  readonly requestsPerConnection: number
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly tlsHandshakeTimeout: number
  readonly proxyHeaderTimeout: number
  readonly streamsPerConnection: number
  readonly streamResets: number
  readonly connectTimeout: number
  /** The wait for the upstream's response head, and silence within its body: long polls live below it. */
  readonly responseTimeout: number
  /** An upgraded connection without a byte in either direction. */
  readonly upgradeIdleTimeout: number
  readonly upstreamHeaderSize: number
  readonly upstreamConnections: number
  readonly upstreamKeepAlive: number
  /** A call to Redis. */
  readonly redisTimeout: number
  /** A look into the record. */
  readonly recordTimeout: number
  /** A write to the record: the writes of the whole installation follow one another. */
  readonly recordWriteTimeout: number
  /** How long SIGTERM leaves everything as it is, but for readiness, so that balancers look elsewhere first. */
  readonly stopDelay: number
  /** How long SIGTERM then lets open requests end. */
  readonly drainFor: number
  readonly pendingApprovals: number
  /** The hot copies of device states in this process, in number and in memory. */
  readonly hotDevices: number
  readonly hotMemory: number
}
