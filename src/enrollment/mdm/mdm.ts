/**
 * The MDM protocol, between an enrolled device and us: check-in (it enrolls, gives its push token, leaves) and command (it asks what
 * to do and reports). Everything is a function from a request to an answer; the listener mounts `handleMdm` on both
 * addresses. The device is the client, always: a push only calls it in.
 *
 * A status of 401 makes a device remove its management with everything that came by it. It is said in `leave` alone, to a device that is
 * to go. Whatever else is wrong, the record's being away among it, is 400, 403 with plain text, or 5xx: the device tries
 * again.
 */
import type { X509Certificate } from 'node:crypto'
import type { Enrollment } from '../../domain/enrollment.ts'
import type { MdmCommand } from '../../domain/mdm-command.ts'
import type { PlistDict } from '../../lib/plist/values.ts'
import type { Store } from '../../store/ports.ts'
import type { Identities } from './identities.ts'

export interface MdmRequest {
  /** Byte for byte: signatures are over it. */
  readonly body: Buffer
  readonly contentType: string | undefined
  /** The header `Mdm-Signature`. */
  readonly signature: string | undefined
  /** The certificate that TLS has proved, or a proxy that is believed; whose it is has not been looked at. */
  readonly clientCertificate: X509Certificate | undefined
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface MdmAnswer {
  readonly status: number
  /** Absent when there is no body. */
  readonly contentType?: string
  readonly body: Buffer
  readonly headers?: readonly (readonly [string, string])[]
  /** For the log; holds no secret. */
  readonly note: MdmNote
}

export interface MdmNote {
  /** What happened, such as `token-update` or `refused`. */
  readonly outcome: string
  /** Why it was refused, or what was odd about it; a stable code. */
  readonly problem?: string
  readonly enrollment?: string
  readonly command?: string
  /** `error`: an administrator should know. */
  readonly level: 'info' | 'warn' | 'error'
  readonly cause?: unknown
}

export interface MdmDependencies {
  readonly record: Pick<Store, 'enrollments' | 'mdmCommands' | 'pushOutbox' | 'scepChallenges'>
  readonly identities: Identities
  /** Of the push certificate; undefined while there is none: devices are not refused for it then. */
  readonly topic: () => string | undefined
  /** SHA-1 in device signatures. */
  readonly sha1: boolean
  readonly events?: MdmEvents
}

/** What others do when something happens; a failure of theirs changes nothing for the device, and is told by `failed`. */
export interface MdmEvents {
  /** Its first token: commands may follow. */
  enrolled?(enrollment: Enrollment): Promise<void>
  /** A command has ended. */
  reported?(command: MdmCommand, report: PlistDict | undefined): Promise<void>
  failed(error: unknown): void
}

/** Largest bodies: a list of apps or certificates takes several hundred KiB. */
export const mostReportBytes = 10 * 1024 * 1024
export const mostCheckInBytes = 1024 * 1024
