import { z } from 'zod'
import { platforms } from '../domain/client-identity.ts'
import { type Enrollment, enrollmentKinds, enrollmentStates } from '../domain/enrollment.ts'
import { commandStates, type MdmCommand } from '../domain/mdm-command.ts'
import { createSeal, type Seal } from '../lib/seal.ts'
import { RecordUnavailable } from './errors.ts'
import type { InstallationKeys } from './ports.ts'
import { checked, deviceIdsOf, fromJson } from './rows.ts'
import type { EnrollmentRow, MdmCommandRow } from './schema.ts'

/** Opens and closes what is secret in these tables; the key is made with the first secret. */
export type OpenSeal = () => Promise<Seal>

export function sealOf(keys: InstallationKeys, create: () => string): OpenSeal {
  let seal: Promise<Seal> | undefined
  return async () => {
    seal ??= keys.getOrCreate('enrollment-secrets', create).then((key) => createSeal(key, 'enrollment'))
    try {
      return await seal
    } catch (error) {
      seal = undefined
      throw error
    }
  }
}

const device = z.strictObject({
  udid: z.exactOptional(z.string()),
  serial: z.exactOptional(z.string()),
  platform: z.exactOptional(z.enum(platforms)),
  name: z.exactOptional(z.string()),
  productName: z.exactOptional(z.string()),
  model: z.exactOptional(z.string()),
  osVersion: z.exactOptional(z.string()),
  buildVersion: z.exactOptional(z.string()),
  channelUser: z.exactOptional(z.string()),
})
const errors = z.array(
  z.strictObject({ domain: z.string(), code: z.number(), description: z.exactOptional(z.string()) }),
)

export function toEnrollment(row: EnrollmentRow): Enrollment {
  const where = `enrollment ${row.id}`
  const { ended_at: at, ended_by: by, ended_why: why } = row
  const ended = at === null || by === null || why === null ? undefined : { at, by, why }
  const state = checked(z.enum(enrollmentStates), row.state, where)
  if ((state === 'gone' || state === 'leaving') !== (ended !== undefined))
    throw new RecordUnavailable('corrupt', `The record’s row of ${where} is not valid`)
  return {
    id: row.id,
    kind: checked(z.enum(enrollmentKinds), row.kind, where),
    ...(row.parent !== null && { parent: row.parent }),
    state,
    ...(row.user_name !== null && { user: row.user_name }),
    ids: deviceIdsOf(row.ids, where),
    device: fromJson(device, row.device, where),
    certificate: row.certificate,
    ...(row.topic !== null && { topic: row.topic }),
    ...(row.access_rights !== null && { accessRights: row.access_rights }),
    pushable: row.token_at !== null,
    awaitingConfiguration: row.awaiting === 1,
    unlockable: row.unlock_token !== null,
    createdAt: row.created_at,
    authenticatedAt: row.authenticated_at,
    lastSeenAt: row.last_seen_at,
    ...(ended !== undefined && { ended }),
  }
}

export function toCommand(row: MdmCommandRow): MdmCommand {
  const where = `command ${row.uuid}`
  return {
    uuid: row.uuid,
    enrollment: row.enrollment,
    requestType: row.request_type,
    state: checked(z.enum(commandStates), row.state, where),
    sequence: row.sequence,
    renewal: row.renewal === 1,
    queuedAt: row.queued_at,
    queuedBy: row.queued_by,
    attempts: row.attempts,
    ...(row.sent_at !== null && { sentAt: row.sent_at }),
    ...(row.not_before !== null && { notBefore: row.not_before }),
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
    ...(row.finished_at !== null && { finishedAt: row.finished_at }),
    errors: row.errors === null ? [] : fromJson(errors, row.errors, where),
  }
}
