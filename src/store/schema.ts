/**
 * The tables as Kysely sees them; `migrations/` makes them. Times are milliseconds since the epoch. Column types are
 * those that SQLite and PostgreSQL share: text, and integers of 64 bits.
 */
export interface Schema {
  registrations: RegistrationRow
  registration_keys: RegistrationKeyRow
  grants: GrantRow
  approvals: ApprovalRow
  approval_keys: ApprovalKeyRow
  bypasses: BypassRow
  mdm_tokens: MdmTokenRow
  refusals: RefusalRow
  audit: AuditRow
  changes: ChangeRow
  counters: CounterRow
  installation_keys: InstallationKeyRow
  leases: LeaseRow
}

export interface RegistrationRow {
  id: string
  service: string
  user_name: string
  binding: string
  /** JSON, like evidence, networks and posture. */
  device: string
  evidence: string
  networks: string
  rule: string
  source: string
  registered_at: number
  posture: string
  /** 1 or 0; the three that follow are set together with it. */
  blocked: number
  blocked_at: number | null
  blocked_by: string | null
  blocked_why: string | null
  /** Id of the MDM token that the registration rests on. */
  mdm_token: string | null
  /** The sequence of the change that wrote this row last. */
  version: number
}

export interface RegistrationKeyRow {
  hash: string
  registration_id: string
  binding: string
  expires_at: number | null
  /** Grows with each key added to the registration: the order in which keys without an end came. */
  position: number
}

export interface GrantRow {
  hash: string
  service: string
  user_name: string
  expires_at: number
}

export interface ApprovalRow {
  id: string
  service: string
  user_name: string | null
  device: string
  source: string
  rule: string
  status: string
  requested_at: number
  decided_at: number | null
  decided_by: string | null
}

export interface ApprovalKeyRow {
  hash: string
  approval_id: string
}

export interface BypassRow {
  service: string
  until: number
  opened_at: number
  opened_by: string
  why: string
}

export interface MdmTokenRow {
  id: string
  hash: string
  label: string | null
  /** `generated` or `typed`. */
  origin: string
  created_at: number
  created_by: string
  expires_at: number | null
  /** The three are set together. */
  revoked_at: number | null
  revoked_by: string | null
  revoked_why: string | null
  uses: number
  last_used_at: number | null
}

export interface RefusalRow {
  sequence: number
  reference: string
  at: number
  /** JSON: facts, state, explanation. */
  body: string
}

export interface AuditRow {
  sequence: number
  at: number
  action: string
  actor: string
  subject: string
  why: string | null
  /** JSON. */
  details: string
  previous_hash: string
  hash: string
}

export interface ChangeRow {
  sequence: number
  kind: string
  subject: string
}

export interface CounterRow {
  name: string
  value: number
}

export interface InstallationKeyRow {
  name: string
  value: string
}

export interface LeaseRow {
  name: string
  /** Empty: released. */
  holder: string
  /** Grows with each new holder. */
  term: number
  /** Grows with each renewal. */
  beat: number
}
