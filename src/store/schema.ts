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
  app_devices: AppDeviceRow
  binding_tickets: BindingTicketRow
  refusals: RefusalRow
  audit: AuditRow
  changes: ChangeRow
  counters: CounterRow
  installation_keys: InstallationKeyRow
  leases: LeaseRow
  managed_devices: ManagedDeviceRow
  managed_device_keys: ManagedDeviceKeyRow
  vendor_sweeps: VendorSweepRow
  vendor_confirmations: VendorConfirmationRow
  poll_requests: PollRequestRow
  device_links: DeviceLinkRow
  surplus_approvals: SurplusApprovalRow
  refresh_requests: RefreshRequestRow
  device_requests: DeviceRequestRow
  held_blocks: HeldBlockRow
  registration_match_keys: RegistrationMatchKeyRow
  authorities: AuthorityRow
  certificates: CertificateRow
  scep_challenges: ScepChallengeRow
  proxied_keys: ProxiedKeyRow
  renewals: RenewalRow
  enrollments: EnrollmentRow
  enrollment_identities: EnrollmentIdentityRow
  enrollment_inventory: EnrollmentInventoryRow
  mdm_commands: MdmCommandRow
  device_profiles: DeviceProfileRow
  enrollment_people: EnrollmentPersonRow
  enrollment_codes: EnrollmentCodeRow
  enrollment_passes: EnrollmentPassRow
  push_outbox: PushRow
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
  /** JSON: the ids that its evidence has proved. */
  device_ids: string | null
  /** Id of the company app's device that it is bound to. */
  app_device: string | null
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

export interface AppDeviceRow {
  id: string
  user_name: string
  /** JSON. */
  ids: string
  platform: string
  app_version: string
  thumbprint: string
  /** JWK, in JSON. */
  public_key: string
  /** Id of the package key that its first contact was signed with. */
  package_key: string
  mdm_token: string | null
  source: string
  registered_at: number
  last_seen_at: number
  revoked_at: number | null
  revoked_by: string | null
  revoked_why: string | null
}

export interface BindingTicketRow {
  hash: string
  app_device_id: string
  service: string
  expires_at: number
  opened_at: number | null
  holder: string | null
  source: string | null
  used_at: number | null
  registration_id: string | null
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
  /** Random; empty in rows from before there were marks. */
  mark: string
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

export interface ManagedDeviceRow {
  vendor: string
  vendor_device_id: string
  /** JSON: the device without the two above and without `lastSeen`. */
  body: string
  /** Of the body: an unchanged device costs no write. */
  digest: string
  last_seen: number | null
  learnt_at: number
  /** When the verdict on it changes by time alone (a grace period ends). */
  due_at: number | null
  /** 1 while it is out of compliance: it is asked for again sooner than the rest. */
  ask_again: number
}

export interface ManagedDeviceKeyRow {
  /** A kind of id, or `user`. */
  kind: string
  value: string
  vendor: string
  vendor_device_id: string
}

export interface VendorSweepRow {
  vendor: string
  started_at: number
  finished_at: number
  complete: number
  /** JSON. */
  counts: string
  error_code: string | null
  error: string | null
}

export interface VendorConfirmationRow {
  vendor: string
  at: number
  by: string
}

export interface PollRequestRow {
  vendor: string
  at: number
}

export interface DeviceLinkRow {
  registration_id: string
  vendor: string
  vendor_device_id: string
  made_at: number
  made_by: string
  why: string
}

export interface SurplusApprovalRow {
  registration_id: string
  at: number
  by: string
}

export interface RefreshRequestRow {
  registration_id: string
  at: number
}

export interface DeviceRequestRow {
  vendor: string
  vendor_device_id: string
  at: number
}

export interface HeldBlockRow {
  registration_id: string
  vendor: string
  /** JSON: the posture that is held back. */
  posture: string
  /** 1: the device is gone, and `whenGone` applies. */
  gone: number
  since: number
}

export interface RegistrationMatchKeyRow {
  /** As in `managed_device_keys`. */
  kind: string
  value: string
  registration_id: string
}

export interface EnrollmentCodeRow {
  id: string
  hash: string
  user_name: string
  /** JSON: names. */
  user_groups: string
  created_at: number
  created_by: string
  expires_at: number
  used_at: number | null
  revoked_at: number | null
}

export interface DeviceProfileRow {
  enrollment: string
  identifier: string
  revision: string
  action: string
  state: string
  command: string | null
  error: string | null
  /** 1 or 0. */
  required: number
  attempts: number
  at: number
  due_at: number | null
}

export interface EnrollmentPersonRow {
  user_name: string
  /** JSON: a list. */
  user_groups: string
  email: string | null
  full_name: string | null
  at: number
}

export interface EnrollmentPassRow {
  id: string
  /** `session`, `ota`, `bearer` or `handover`. */
  kind: string
  hash: string
  user_name: string
  /** JSON: names. */
  user_groups: string
  source: string
  created_at: number
  expires_at: number
  claimed_at: number | null
  /** Hash of who may claim it again. */
  claimed_by: string | null
  /** JSON. */
  attributes: string | null
  /** Hash of the challenge with which its first identity is had. */
  scep_challenge: string | null
  finished_at: number | null
  /** Hash of the identity's certificate. */
  finished_by: string | null
}

export interface EnrollmentRow {
  id: string
  kind: string
  parent: string | null
  state: string
  user_name: string | null
  /** JSON, like device. */
  ids: string
  /** Normalised, as in ids. */
  serial: string | null
  device: string
  /** The one of its identities that speaks for it now. */
  certificate: string
  topic: string | null
  /** Sealed, like magic, unlock_token and bootstrap_token. */
  token: string | null
  magic: string | null
  /** Null while there is no token that can be pushed to. */
  token_at: number | null
  unlock_token: string | null
  bootstrap_token: string | null
  /** 1 or 0. */
  awaiting: number
  created_at: number
  authenticated_at: number
  last_seen_at: number
  /** The three are set together. */
  ended_at: number | null
  ended_by: string | null
  ended_why: string | null
  /** As in the MDM payload (`AccessRights`); null where that is not known. */
  access_rights: number | null
}

export interface EnrollmentIdentityRow {
  certificate: string
  public_key: string
  enrollment: string
  pinned_at: number
}

export interface EnrollmentInventoryRow {
  enrollment: string
  part: string
  at: number
  /** JSON. */
  body: string
}

export interface MdmCommandRow {
  uuid: string
  enrollment: string
  request_type: string
  state: string
  /** 1 while the state is one of those that wait. */
  waiting: number
  sequence: number
  /** Sealed. */
  payload: string
  renewal: number
  routine: number
  queued_at: number
  queued_by: string
  attempts: number
  sent_at: number | null
  not_before: number | null
  expires_at: number | null
  finished_at: number | null
  /** JSON. */
  errors: string | null
  /** Sealed: what the device reported. */
  result: string | null
}

export interface AuthorityRow {
  id: string
  kind: string
  /** PEM, like chain. */
  certificate: string
  chain: string
  created_at: number
  retired_at: number | null
  crl_number: number
}

export interface CertificateRow {
  /** Hexadecimal, upper case. */
  serial: string
  authority: string
  purpose: string
  /** SHA-256 of the DER, base64url; `public_key`: of the SubjectPublicKeyInfo. */
  fingerprint: string
  public_key: string
  enrollment: string
  user_name: string | null
  /** DER, base64. */
  certificate: string
  not_before: number
  not_after: number
  issued_at: number
  scep_transaction: string | null
  challenge: string | null
  predecessor: string | null
  /** PayloadIdentifier of the managed profile that it came with. */
  profile: string | null
  managed_apple_id: string | null
  /** The four are set together. */
  revoked_at: number | null
  revoked_by: string | null
  revoked_why: string | null
  revoked_reason: string | null
}

export interface ScepChallengeRow {
  hash: string
  enrollment: string
  user_name: string | null
  created_at: number
  expires_at: number
  used_by: string | null
  access_rights: number | null
  /** Serial of what its certificate takes the place of. */
  renews: string | null
  profile: string | null
  managed_apple_id: string | null
}

export interface RenewalRow {
  enrollment: string
  serial: string
  /** `sent` or `failed`. */
  state: string
  command: string | null
  attempts: number
  at: number
  due_at: number | null
  error: string | null
}

export interface ProxiedKeyRow {
  /** SHA-256 of the SubjectPublicKeyInfo, base64url. */
  public_key: string
  enrollment: string
  user_name: string | null
  challenge: string
  bound_at: number
  ended_at: number | null
  /** As in the challenge. */
  profile: string | null
  renews: string | null
}

export interface PushRow {
  enrollment: string
  /** The sequence of the change that wanted it last. */
  wanted: number
  due_at: number
  failures: number
  /** How often it was accepted since it was wanted. */
  accepted: number
  accepted_at: number | null
  last_answer: string | null
}
