/** What APNs' answers mean, and what the worker does then. Statuses and reasons are Apple's. */

/**
 * - `accepted`: Apple has taken it; whether the device comes is another matter
 * - `dead-token`: this token is no good any more; the device gives a new one when it comes by itself
 * - `later`: this device, or Apple, wants to be left alone for a while
 * - `reconnect`: the connection is no good
 * - `stop`: certificate or topic are wrong for everybody: going on would only make Apple angry
 * - `mistake`: our own; the same again would fail the same way
 */
export type Verdict = 'accepted' | 'dead-token' | 'later' | 'reconnect' | 'stop' | 'mistake'

export interface PushAnswer {
  readonly status: number
  readonly reason?: string
  /** With 410: milliseconds since the epoch, when Apple learnt that the token is dead. */
  readonly timestamp?: number
}

const byReason: Readonly<Record<string, Verdict>> = {
  BadDeviceToken: 'dead-token',
  DeviceTokenNotForTopic: 'dead-token',
  Unregistered: 'dead-token',
  ExpiredToken: 'dead-token',

  BadTopic: 'stop',
  MissingTopic: 'stop',
  TopicDisallowed: 'stop',
  BadCertificate: 'stop',
  BadCertificateEnvironment: 'stop',
  Forbidden: 'stop',
  ExpiredProviderToken: 'stop',
  InvalidProviderToken: 'stop',
  MissingProviderToken: 'stop',
  UnrelatedKeyIdInToken: 'stop',
  BadEnvironmentKeyIdInToken: 'stop',

  IdleTimeout: 'reconnect',
  Shutdown: 'reconnect',
  ServiceUnavailable: 'reconnect',

  TooManyRequests: 'later',
  TooManyProviderTokenUpdates: 'later',
  InternalServerError: 'later',

  BadExpirationDate: 'mistake',
  BadMessageId: 'mistake',
  BadPriority: 'mistake',
  BadCollapseId: 'mistake',
  DuplicateHeaders: 'mistake',
  InvalidPushType: 'mistake',
  MissingDeviceToken: 'mistake',
  PayloadEmpty: 'mistake',
  PayloadTooLarge: 'mistake',
  BadPath: 'mistake',
  MethodNotAllowed: 'mistake',
}

/** A reason that is not in Apple's table is judged by its status, and no token is given up for it. */
export function verdictOf({ status, reason }: PushAnswer): Verdict {
  if (status === 200) return 'accepted'
  if (reason !== undefined && Object.hasOwn(byReason, reason)) return byReason[reason] ?? 'mistake'
  if (status === 429) return 'later'
  if (status === 410) return 'dead-token'
  if (status >= 500) return status === 503 ? 'reconnect' : 'later'
  return 'stop'
}

/** `200`, or `410 Unregistered`: for logs and the record. */
export function textOf({ status, reason }: PushAnswer): string {
  return reason === undefined ? String(status) : `${status} ${reason}`
}

/** Apple's JSON body, at most a few hundred bytes; one that cannot be read has no reason. */
export function readAnswer(status: number, body: string): PushAnswer {
  if (status === 200 || body.length > 4096) return { status }
  try {
    const { reason, timestamp } = JSON.parse(body) as { reason?: unknown; timestamp?: unknown }
    return {
      status,
      ...(typeof reason === 'string' && /^[A-Za-z]{1,64}$/.test(reason) && { reason }),
      ...(typeof timestamp === 'number' && Number.isFinite(timestamp) && { timestamp }),
    }
  } catch {
    return { status }
  }
}
