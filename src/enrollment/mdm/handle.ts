import type { Enrollment } from '../../domain/enrollment.ts'
import { MalformedInput } from '../../lib/malformed-input.ts'
import { createOneAtATime } from '../../lib/one-at-a-time.ts'
import { field } from '../../lib/plist/fields.ts'
import { readPlistDict } from '../../lib/plist/read.ts'
import type { PlistDict } from '../../lib/plist/values.ts'
import { RecordUnavailable } from '../../store/errors.ts'
import { leave, refusal } from './answers.ts'
import { checkIn, leaveNow } from './check-in.ts'
import { type EnrollmentName, enrollmentName } from './enrollment-id.ts'
import type { MdmAnswer, MdmDependencies, MdmRequest } from './mdm.ts'
import { mostCheckInBytes, mostReportBytes } from './mdm.ts'
import { answerReport } from './report.ts'
import { signerOf } from './signer.ts'
import { skimReport } from './skim.ts'
import { standingOf } from './standing.ts'

export type HandleMdm = (request: MdmRequest) => Promise<MdmAnswer>

/** Messages of one enrollment are taken one after another: two polls of it must not get the same command. */
export function createMdm(deps: MdmDependencies): HandleMdm {
  const queue = createOneAtATime()
  return async (request) => {
    try {
      const stranger = await refuseLargeOfStranger(request, deps)
      if (stranger !== undefined) return stranger
      const message = readMessage(request)
      if ('status' in message) return message
      return await queue.run(message.name.id, () => handle(message, request, deps))
    } catch (error) {
      // Never 401: a record that is away for a minute must not cost the whole fleet.
      if (error instanceof RecordUnavailable) return refusal(503, 'record.unavailable', { cause: error })
      if (error instanceof MalformedInput) return refusal(400, 'message.malformed', { cause: error })
      return refusal(500, 'internal', { cause: error })
    }
  }
}

/** Larger than any message but a report of lists. */
const usualBytes = 64 * 1024

/** A large body is taken apart only for who has an identity of ours: that costs seconds, and anybody can send one. */
async function refuseLargeOfStranger(
  request: MdmRequest,
  deps: MdmDependencies,
): Promise<MdmAnswer | undefined> {
  if (request.body.length <= usualBytes) return undefined
  const signer = signerOf(request, deps)
  if ('problem' in signer) return refusal(400, signer.problem, { cause: signer.cause })
  const issued = await deps.identities.find(signer.certificate)
  return issued === undefined ? refusal(403, 'certificate.foreign') : undefined
}

interface Message {
  readonly kind: 'check-in' | 'report'
  readonly dict: PlistDict
  readonly name: EnrollmentName
  /** The report could not be read as a whole; the dict holds what it is about. */
  readonly skimmed: boolean
}

const checkInType = 'application/x-apple-aspen-mdm-checkin'

/** By the type that the device states, else by what the message holds: some send none. */
function readMessage({ body, contentType }: MdmRequest): Message | MdmAnswer {
  const type = contentType?.split(';')[0]?.trim().toLowerCase()
  const limit = type === checkInType ? mostCheckInBytes : mostReportBytes
  if (body.length > limit) return refusal(413, 'message.too-large')
  const { dict, skimmed } = readDict(body, type !== checkInType)
  const kind = field(dict, 'MessageType') === undefined ? 'report' : 'check-in'
  if (type === checkInType && kind === 'report') return refusal(400, 'message.unknown')
  if (kind === 'check-in' && body.length > mostCheckInBytes) return refusal(413, 'message.too-large')
  return { kind, dict, name: enrollmentName(dict), skimmed }
}

/**
 * A report that breaks the rules of its format would come again and again, and nothing behind it would ever be done. When it says
 * whose it is and which command it is about, that much is taken.
 */
function readDict(
  body: Buffer,
  mayBeReport: boolean,
): { readonly dict: PlistDict; readonly skimmed: boolean } {
  try {
    return { dict: readPlistDict(body, { maxBytes: mostReportBytes, maxNodes: 1_000_000 }), skimmed: false }
  } catch (error) {
    const dict = mayBeReport && error instanceof MalformedInput ? skimReport(body) : undefined
    if (dict === undefined) throw error
    return { dict, skimmed: true }
  }
}

async function handle(message: Message, request: MdmRequest, deps: MdmDependencies): Promise<MdmAnswer> {
  const { name, dict, kind } = message
  const signer = signerOf(request, deps)
  if ('problem' in signer) return refusal(400, signer.problem, { enrollment: name.id, cause: signer.cause })
  const { certificate } = signer
  const type = field(dict, 'MessageType')
  const begins = kind === 'check-in' && type === 'Authenticate'
  const standing = await standingOf({ name, certificate, begins, at: request.at }, deps)
  switch (standing.kind) {
    case 'refused':
      return refusal(standing.status, standing.problem, { enrollment: name.id })
    case 'ended':
      return type === 'CheckOut'
        ? leaveNow(name, standing.enrollment, { deps, at: request.at })
        : leave(standing.enrollment)
    case 'revoked':
      return type === 'CheckOut'
        ? leaveNow(name, standing.enrollment, { deps, at: request.at })
        : endRevoked(standing.enrollment, { deps, at: request.at })
    case 'may-begin':
      return checkIn({ name, dict, at: request.at, begins: { issued: standing.issued, certificate } }, deps)
    case 'pinned':
      // It can be given its renewal, which needs no more than a push token.
      if (standing.expired && bootstrapTypes.some((one) => one === type))
        return refusal(403, 'certificate.expired', { enrollment: name.id })
      return kind === 'check-in'
        ? checkIn({ name, dict, at: request.at, enrollment: standing.enrollment }, deps)
        : answerReport({ ...message, ...standing, body: request.body, at: request.at }, deps)
  }
}

/** That unlock a Mac's disk. */
const bootstrapTypes = ['SetBootstrapToken', 'GetBootstrapToken'] as const

/** Nothing else would ever be said to it: it can neither check in nor renew. Trust ends as when an administrator removes it. */
async function endRevoked(
  enrollment: Enrollment,
  { deps, at }: { readonly deps: MdmDependencies; readonly at: number },
): Promise<MdmAnswer> {
  const by = { name: 'enrollment', why: 'the certificate of the device was revoked', at }
  await deps.record.enrollments.end(enrollment.id, 'leaving', by)
  return leave(enrollment, 'certificate.revoked')
}
