import type { Enrollment } from '../../domain/enrollment.ts'
import type { PlistDict } from '../../lib/plist/values.ts'
import { writePlist } from '../../lib/plist/write.ts'
import type { MdmAnswer, MdmNote } from './mdm.ts'

const nothing = Buffer.alloc(0)

/** Zero bytes: an empty dictionary would be a command that is none. */
export function empty(note: Omit<MdmNote, 'level'> & Partial<Pick<MdmNote, 'level'>>): MdmAnswer {
  return { status: 200, body: nothing, note: { level: 'info', ...note } }
}

export function plist(value: PlistDict, note: Omit<MdmNote, 'level'>): MdmAnswer {
  return {
    status: 200,
    contentType: 'application/xml; charset=utf-8',
    body: writePlist(value),
    note: { level: 'info', ...note },
  }
}

export function json(value: object, note: Omit<MdmNote, 'level'>): MdmAnswer {
  return {
    status: 200,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify(value)),
    note: { level: 'info', ...note },
  }
}

export type RefusalStatus = 400 | 403 | 404 | 410 | 413 | 415 | 500 | 503

/** Plain text, which no device takes for an order to leave. */
export function refusal(
  status: RefusalStatus,
  problem: string,
  more: Partial<Pick<MdmNote, 'enrollment' | 'command' | 'level' | 'cause'>> = {},
): MdmAnswer {
  return {
    status,
    contentType: 'text/plain; charset=utf-8',
    body: Buffer.from(`${problem}\n`),
    ...(status === 503 && { headers: [['Retry-After', '60']] }),
    note: { outcome: 'refused', problem, level: status >= 500 ? 'error' : 'warn', ...more },
  }
}

/**
 * The order to remove the management. iOS 17 and macOS 14 take it as a 403 that says so; for those before, and where the
 * version is not known, there is only the 401.
 */
export function leave(enrollment: Enrollment, problem?: string): MdmAnswer {
  const note: MdmNote = {
    outcome: 'told-to-leave',
    enrollment: enrollment.id,
    level: 'warn',
    ...(problem !== undefined && { problem }),
  }
  if (!understandsUnrecognized(enrollment)) return { status: 401, body: nothing, note }
  const body = {
    code: 'com.apple.unrecognized.device',
    description: 'The enrollment has ended',
    message: 'Your organisation does not manage this device any more.',
  }
  return { status: 403, contentType: 'application/json', body: Buffer.from(JSON.stringify(body)), note }
}

function understandsUnrecognized({ device: { platform, osVersion } }: Enrollment): boolean {
  const major = Number(/^\d{1,3}/.exec(osVersion ?? '')?.[0])
  if (platform === 'macos') return major >= 14
  return (platform === 'ios' || platform === 'ipados') && major >= 17
}
