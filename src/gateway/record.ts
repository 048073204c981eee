import type { Decision } from '../domain/decision.ts'
import { type ReasonCode, reasons } from '../domain/reason.ts'
import type { AccessLog } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { withoutSecret } from './app/paths.ts'
import { isLetThrough } from './live-exchanges.ts'
import type { RecordedExchange } from './pipeline.ts'
import type { RefusalJournal } from './refusal-journal.ts'
import { isOwnPath } from './routing.ts'

export interface RecordDependencies {
  readonly accessLog: AccessLog
  readonly metrics: Metrics
  readonly journal: RefusalJournal
  readonly now: () => number
  readonly access: boolean
  /** Query strings carry tokens and names: they are logged only when the settings ask for it; those of our own pages never are. */
  readonly queries: boolean
}

/** Writes down how an exchange went: one access line, the metrics, and what `explain` needs of a refusal. */
export function createRecorder(deps: RecordDependencies): (exchange: RecordedExchange) => void {
  const count = createCounting(deps.metrics)
  return (exchange) => {
    const line = accessLine(exchange, deps)
    if (deps.access) deps.accessLog(line)
    count(exchange, line)
    const { assessment, outcome } = exchange
    if (assessment !== undefined && isKept(assessment.decision, outcome.reason))
      deps.journal.add(assessment, outcome.reason)
  }
}

/** Whatever an answer of the gateway's own gives a reference of, and what would have been refused. */
function isKept(decision: Decision, reason: ReasonCode): boolean {
  if (!isLetThrough(decision) || decision.monitored) return true
  return reasons[reason].status >= 300 && reason !== 'client.aborted'
}

/** The fields of an access line; `docs/reference/access-log.md` is generated from this table. */
export const accessLogFields = {
  id: 'Reference id: on the refusal page, in `Gatehouse-Request`, for `gatehouse explain`.',
  source: 'The true source address.',
  sourceFrom: 'How it was derived: `peer`, `proxy-protocol`, `x-forwarded-for`, `forwarded`.',
  peer: 'The address that the TCP connection came from, where it differs.',
  http: 'HTTP version of the client.',
  tls: 'TLS version, on TLS listeners.',
  method: 'Method.',
  host: 'Host, in lower case, without port.',
  path: 'Canonical path; `[redacted]` when an MDM token stands in the address.',
  query: 'Query string; `[redacted]` unless `log.queries` is on.',
  service: 'The service that the host belongs to.',
  client: 'Client protocol.',
  binding: 'How the registered client was recognised.',
  registration: 'Id of the registration.',
  user: 'The user whom the credentials or the registration name.',
  mdmToken:
    'Id of the MDM token that the request shows or that is remembered of the client; otherwise `inactive`, `unknown` or `too-many`.',
  posture: 'Posture of the registered device.',
  signIn: 'Present when the request signs in.',
  verdict:
    '`forward`, `register`, `redirect`, `refuse`, `await-approval`; `none` when the request never got to a decision.',
  rule: 'The policy rule that decided.',
  reason: 'Reason code; see the list of reasons.',
  monitored: 'Present when the decision was only recorded (`mode: monitor`).',
  wouldHave: 'What a rule in `mode: monitor` would have decided; it was passed over.',
  wouldHaveRule: 'The name of that rule.',
  status: 'Status that the client got; 0 when the answer was broken off after its head.',
  received: 'Bytes of the request’s body.',
  sent: 'Bytes of the answer’s body.',
  upstream: 'The upstream that answered.',
  retries: 'Attempts beyond the first.',
  firstByte: 'Milliseconds from forwarding to the head of the upstream’s answer.',
  duration: 'Milliseconds from the request’s head to the end of the answer.',
  closedBy: 'Which side closed an upgraded connection.',
} as const satisfies Record<string, string>

/** Every line has every field, present or undefined: one shape, which is what makes it cheap to write. */
type AccessLine = Readonly<Record<keyof typeof accessLogFields, string | number | boolean | undefined>>

function accessLine(
  { head, client, assessment, outcome }: RecordedExchange,
  { queries, now }: RecordDependencies,
): AccessLine {
  const { source, connection } = head
  const { relay } = outcome
  const state = assessment?.state
  const decision = assessment?.decision
  const secretTarget = outcome.reason === 'token.in-url'
  return {
    id: head.id,
    source: source.address,
    sourceFrom: source.derivedFrom,
    peer: source.peer === source.address ? undefined : source.peer,
    http: head.httpVersion,
    tls: connection.tls?.protocol,
    method: head.method,
    host: head.host,
    path: secretTarget ? '[redacted]' : withoutSecret(head.path),
    query:
      head.query === undefined || (queries && !secretTarget && !isOwnPath(head)) ? head.query : '[redacted]',
    service: assessment?.route.service.name,
    client: assessment?.route.protocol.kind,
    binding: state?.registration.binding,
    registration: state?.registration.id,
    user: assessment?.facts.user,
    mdmToken: assessment?.mdmTokenId ?? assessment?.facts.mdmToken,
    posture: state?.posture.state,
    signIn: assessment?.facts.signIn || undefined,
    verdict: decision?.verdict ?? 'none',
    rule: decision?.rule,
    reason: outcome.reason,
    monitored: decision?.monitored,
    wouldHave: decision?.wouldHave?.verdict,
    wouldHaveRule: decision?.wouldHave?.rule,
    status: outcome.status,
    received: client.bytesReceived,
    sent: client.bytesSent,
    upstream: relay?.upstream,
    retries: relay?.retries || undefined,
    firstByte: relay?.timings.firstByte,
    duration: now() - head.receivedAt,
    closedBy: relay?.closedBy,
  }
}

type Counting = (exchange: RecordedExchange, line: AccessLine) => void

/** Looking a labelled child up costs more than counting on it: each is looked up once. */
function createCounting(metrics: Metrics): Counting {
  const duration = remember((service) => metrics.duration.of(service))
  const firstByte = remember((service) => metrics.firstByte.of(service))
  const exchanges = remember((service) =>
    remember((verdict) => remember((status) => metrics.exchanges.labels(service, verdict, status))),
  )
  return ({ assessment, outcome }, line) => {
    const service = assessment?.route.service.name ?? 'none'
    exchanges(service)(String(line.verdict))(statusClasses[Math.floor(outcome.status / 100)] ?? 'none').inc()
    duration(service)(Number(line.duration) / 1000)
    if (line.firstByte !== undefined) firstByte(service)(Number(line.firstByte) / 1000)
    if (reasons[outcome.reason].status >= 300) metrics.refusals.labels(outcome.reason).inc()
  }
}

const statusClasses = ['0xx', '1xx', '2xx', '3xx', '4xx', '5xx']

/** For few names: what `make` made for a name is made once. */
function remember<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>()
  return (name) => {
    const known = made.get(name)
    if (known !== undefined) return known
    const value = make(name)
    made.set(name, value)
    return value
  }
}
