import { Counter, Gauge, type Metric, Registry } from 'prom-client'
import { DurationHistogram } from './duration-histogram.ts'

/**
 * Every metric of Gatehouse: name, kind, labels and help in one place; `docs/reference/metrics.md` is generated from
 * it. No user, device or path is ever a label: they have no bound.
 */
export const metricDefinitions = {
  exchanges: {
    kind: 'counter',
    name: 'gatehouse_exchanges_total',
    labels: ['service', 'verdict', 'status'],
    help: 'Exchanges that have ended, by service, verdict and status class (2xx, 3xx, …).',
  },
  refusals: {
    kind: 'counter',
    name: 'gatehouse_refusals_total',
    labels: ['reason'],
    help: 'Exchanges that did not reach the upstream or were cut off, by reason code.',
  },
  duration: {
    kind: 'histogram',
    name: 'gatehouse_exchange_duration_seconds',
    labels: ['service'],
    help: 'Time from the request’s head to the end of the answer. Long polls and WebSockets are part of it.',
  },
  firstByte: {
    kind: 'histogram',
    name: 'gatehouse_upstream_first_byte_seconds',
    labels: ['service'],
    help: 'Time from forwarding a request to the head of the upstream’s answer.',
  },
  open: {
    kind: 'gauge',
    across: 'sum',
    name: 'gatehouse_open_exchanges',
    labels: [],
    help: 'Exchanges that are let through and open now, long polls and WebSockets included.',
  },
  hotDevices: {
    kind: 'gauge',
    across: 'sum',
    name: 'gatehouse_hot_devices',
    labels: [],
    help: 'Keys of clients whose device states are in the memory of the processes; `limits.hotDevices` bounds each process.',
  },
  hotBytes: {
    kind: 'gauge',
    across: 'sum',
    name: 'gatehouse_hot_bytes',
    labels: [],
    help: 'About how much memory those states take; `limits.hotMemory` bounds each process.',
  },
  connections: {
    kind: 'gauge',
    across: 'sum',
    name: 'gatehouse_open_connections',
    labels: [],
    help: 'Client connections that are open now.',
  },
  registrations: {
    kind: 'counter',
    name: 'gatehouse_registrations_total',
    labels: ['service'],
    help: 'Registrations that were committed.',
  },
  registrationFailures: {
    kind: 'counter',
    name: 'gatehouse_registration_failures_total',
    labels: ['service'],
    help: 'Sign-ins that the upstream accepted and whose registration could not be stored.',
  },
  cutOffs: {
    kind: 'counter',
    name: 'gatehouse_cut_offs_total',
    labels: ['service'],
    help: 'Open exchanges that were ended because a device’s state, the policy or a bypass changed.',
  },
  policyReloads: {
    kind: 'counter',
    name: 'gatehouse_policy_reloads_total',
    labels: ['outcome'],
    help: 'Attempts to load the policy: loaded, unchanged, rejected.',
  },
  policyGood: {
    kind: 'gauge',
    across: 'min',
    name: 'gatehouse_policy_last_reload_success',
    labels: [],
    help: '1 when the newest policy file is in force, 0 when it was rejected and the one before is.',
  },
  policyLoadedAt: {
    kind: 'gauge',
    across: 'min',
    name: 'gatehouse_policy_loaded_timestamp_seconds',
    labels: [],
    help: 'When the policy in force was loaded.',
  },
  upstreamHealthy: {
    kind: 'gauge',
    across: 'min',
    name: 'gatehouse_upstream_healthy',
    labels: ['service', 'upstream'],
    help: '1 when the upstream is used, 0 while it is left out after failures.',
  },
  recordAvailable: {
    kind: 'gauge',
    across: 'min',
    name: 'gatehouse_record_available',
    labels: [],
    help: '1 when the record answers, 0 when it does not.',
  },
  recordWritable: {
    kind: 'gauge',
    across: 'min',
    name: 'gatehouse_record_writable',
    labels: [],
    help: '1 when the record takes writes, 0 when nobody can register because it does not.',
  },
  redisAvailable: {
    kind: 'gauge',
    across: 'min',
    name: 'gatehouse_redis_available',
    labels: [],
    help: '1 when Redis answers, 0 when it does not; without `redis` in the settings it says nothing.',
  },
  redisRejected: {
    kind: 'counter',
    name: 'gatehouse_redis_values_rejected_total',
    labels: ['why'],
    help: 'Values in Redis that counted for nothing, so that the record was asked: `malformed`, or of the `wrong-type`.',
  },
  sharedLookups: {
    kind: 'counter',
    name: 'gatehouse_shared_state_lookups_total',
    labels: ['outcome'],
    help: 'Device states that were not in the process’s memory and looked up in Redis: `hit`, `unknown` (nobody’s), `miss` (the record was asked), `unavailable` (Redis did not answer).',
  },
  bypasses: {
    kind: 'gauge',
    across: 'max',
    name: 'gatehouse_bypass_active',
    labels: ['service'],
    help: '1 while an administrator lets the service through unchecked.',
  },
  journalDropped: {
    kind: 'counter',
    name: 'gatehouse_refusals_not_kept_total',
    labels: [],
    help: 'Refusals that `gatehouse explain` will not know, because too many came at once.',
  },
  certificateEnd: {
    kind: 'gauge',
    across: 'min',
    name: 'gatehouse_tls_certificate_not_after_seconds',
    labels: ['name'],
    help: 'When the certificate of a TLS listener ends, by its first DNS name.',
  },
  processes: {
    kind: 'gauge',
    across: 'sum',
    name: 'gatehouse_processes',
    labels: [],
    help: 'Gateway processes that serve; `gateway.processes` says how many there should be.',
  },
  processesLost: {
    kind: 'counter',
    name: 'gatehouse_processes_lost_total',
    labels: ['cause'],
    help: 'Processes that had to be replaced: `ended`, or `hung` and ended therefore.',
  },
  vendorPolls: {
    kind: 'counter',
    name: 'gatehouse_vendor_polls_total',
    labels: ['vendor', 'kind', 'outcome'],
    help: 'Questions to MDM vendors: sweep, changes, noncompliant, lookup; `done`, or the error’s code.',
  },
  vendorNotifications: {
    kind: 'counter',
    name: 'gatehouse_vendor_notifications_total',
    labels: ['vendor', 'outcome'],
    help: 'Notifications that MDM vendors sent: taken, empty, unreadable, unauthenticated, too-many or failed; vendor `none`: for none of ours.',
  },
  vendorSweepDuration: {
    kind: 'histogram',
    name: 'gatehouse_vendor_sweep_duration_seconds',
    labels: ['vendor'],
    help: 'How long a sweep through a vendor’s whole fleet took, with what followed from it.',
  },
  vendorDevices: {
    kind: 'gauge',
    across: 'max',
    name: 'gatehouse_vendor_devices',
    labels: ['vendor'],
    help: 'Devices in the vendor’s last complete sweep.',
  },
  vendorHeld: {
    kind: 'gauge',
    across: 'max',
    name: 'gatehouse_vendor_held_registrations',
    labels: ['vendor'],
    help: 'Registrations that the brake holds: this vendor would block very many at once.',
  },
  vendorLastSuccess: {
    kind: 'gauge',
    across: 'max',
    name: 'gatehouse_vendor_last_sweep_timestamp_seconds',
    labels: ['vendor'],
    help: 'When the vendor’s last complete sweep began; 0: there was none yet.',
  },
  pushes: {
    kind: 'counter',
    name: 'gatehouse_pushes_total',
    labels: ['verdict'],
    help: 'Pushes to Apple’s service: `accepted`, `dead-token`, `later`, `reconnect`, `stop` (refused for everybody), `mistake`, `no-answer`.',
  },
  pushesWanted: {
    kind: 'gauge',
    name: 'gatehouse_pushes_wanted',
    labels: [],
    across: 'max',
    help: 'Devices that are to be woken and have not come yet.',
  },
  pushCertificateEnd: {
    kind: 'gauge',
    name: 'gatehouse_push_certificate_not_after_seconds',
    labels: [],
    across: 'max',
    help: 'When the MDM push certificate ends. A new one instead of a renewed one loses every enrolled device.',
  },
  enrollmentAnswers: {
    kind: 'counter',
    name: 'gatehouse_enrollment_answers_total',
    labels: ['part', 'status'],
    help: 'Answers of the enrollment listener: `enroll` (pages and profiles), `scep`, `mdm`, `crl`, `ocsp`, `other`; by the class of their status.',
  },
  enrollmentTurnedAway: {
    kind: 'counter',
    name: 'gatehouse_enrollment_connections_turned_away_total',
    labels: ['why'],
    help: 'Connections to the enrollment listener that were ended: over `limits.connections` (`total`), over `limits.connectionsPerAddress` (`address`), or a handshake or request that took too long (`slow`).',
  },
  ocspAnswers: {
    kind: 'counter',
    name: 'gatehouse_ocsp_answers_total',
    labels: ['outcome'],
    help: 'What the OCSP responder has answered: `good`, `revoked`, `unknown`, `malformed`, `unauthorized` (about a certificate of another CA), `unavailable` (the record), `too-many`.',
  },
  enrollmentRefusals: {
    kind: 'counter',
    name: 'gatehouse_enrollment_refusals_total',
    labels: ['reason'],
    help: 'Sign-ins and enrollments that were refused; docs/enrollment.md has the reasons.',
  },
  enrollmentRenewals: {
    kind: 'counter',
    name: 'gatehouse_enrollment_renewals_total',
    labels: ['outcome'],
    help: 'Renewals of the identities of enrolled devices: `sent` to the device, `renewed`, `failed` (each attempt).',
  },
  enrollmentRenewalsFailing: {
    kind: 'gauge',
    across: 'max',
    name: 'gatehouse_enrollment_renewals_failing',
    labels: [],
    help: 'Devices whose last attempt to renew their identity has failed; it is tried again until their certificate ends.',
  },
  profiles: {
    kind: 'gauge',
    across: 'sum',
    name: 'gatehouse_profiles',
    labels: ['state'],
    help: 'Profiles of enrolled devices, one for each device: `installed`, `waiting` (sent or to be removed, and the device has not answered), `failed` (refused, or it cannot be made; it is tried again).',
  },
  profileSteps: {
    kind: 'counter',
    name: 'gatehouse_profile_steps_total',
    labels: ['step'],
    help: 'Profiles that were sent to devices, by why: `new`, `changed`, `drift` (the device had lost it), `retry`; or to be removed: `remove`.',
  },
  profilesRejected: {
    kind: 'gauge',
    across: 'max',
    name: 'gatehouse_profiles_rejected',
    labels: [],
    help: '1 when the newest files of profiles have mistakes, so that those before stay in force.',
  },
  buildInfo: {
    kind: 'gauge',
    across: 'max',
    name: 'gatehouse_build_info',
    labels: ['version', 'node'],
    help: 'Always 1; the labels tell what runs.',
  },
} as const satisfies Record<string, MetricDefinition>

export type MetricDefinition = CountingDefinition | GaugeDefinition

interface Definition {
  readonly name: string
  readonly labels: readonly string[]
  readonly help: string
}

/** Over several processes these are summed up, and go on from there when a process has ended. */
interface CountingDefinition extends Definition {
  readonly kind: 'counter' | 'histogram'
}

interface GaugeDefinition extends Definition {
  readonly kind: 'gauge'
  /** What the values of several processes make together, from the processes that serve. */
  readonly across: 'sum' | 'min' | 'max'
}

/** Seconds; from a cached page to a parked long poll. */
export const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 1200]

type Definitions = typeof metricDefinitions
type Instrument<K> = K extends 'counter'
  ? Counter<string>
  : K extends 'gauge'
    ? Gauge<string>
    : DurationHistogram
export type Metrics = { readonly [Name in keyof Definitions]: Instrument<Definitions[Name]['kind']> } & {
  readonly registry: Registry
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const instruments = Object.fromEntries(
    Object.entries(metricDefinitions).map(([name, definition]) => [name, instrument(definition, registry)]),
  )
  // The cast restores what fromEntries forgets: each name has the kind of its definition.
  return { ...instruments, registry } as Metrics
}

function instrument(definition: MetricDefinition, registry: Registry) {
  const { name, labels, help } = definition
  const options = { name, help, labelNames: [...labels], registers: [registry] }
  if (definition.kind === 'counter') return new Counter(options)
  if (definition.kind === 'gauge') return silentGauge({ ...options, aggregator: definition.across })
  const histogram = new DurationHistogram({ name, help, label: labels[0] ?? '', bounds: durationBuckets })
  // The cast: the registry calls nothing but `get` and `reset`, which prom-client's types do not say.
  registry.registerMetric(histogram as unknown as Metric)
  return histogram
}

/**
 * Without a value until it is given one: a process that has nothing to do with what is measured must not say 0 of it,
 * which would count for the whole.
 */
function silentGauge(options: ConstructorParameters<typeof Gauge<string>>[0]): Gauge<string> {
  const gauge = new Gauge(options)
  if (options.labelNames?.length === 0) gauge.remove()
  return gauge
}
