/**
 * Roles put parts together: what one process may run alone or with others. Here: the gateway, from the record and the
 * settings to open listeners. Nothing but `main.ts` and this folder constructs things.
 */
import { createTokenVerifier } from '../clients/verify-token.ts'
import { followChanges } from '../devices/changes.ts'
import { createDeviceStates, type DeviceStates } from '../devices/device-states.ts'
import type { AuditEvent } from '../domain/audit.ts'
import { ActiveBypasses } from '../gateway/active-bypasses.ts'
import type { AssessDependencies } from '../gateway/assess.ts'
import { createIdentityFields, generateIdentityKey, type IdentityFields } from '../gateway/identity-fields.ts'
import { type Listener, startListener } from '../gateway/listener/listener.ts'
import {
  loadTlsMaterial,
  type TlsMaterial,
  type TlsWatch,
  watchTlsMaterial,
} from '../gateway/listener/tls-material.ts'
import { LiveExchanges } from '../gateway/live-exchanges.ts'
import { handleExchange, type Pipeline } from '../gateway/pipeline.ts'
import { PolicyInForce, type PolicyReload } from '../gateway/policy-in-force.ts'
import { createRecorder } from '../gateway/record.ts'
import { RefusalJournal } from '../gateway/refusal-journal.ts'
import { createMalformedHandler } from '../gateway/refuse-malformed.ts'
import type { RegisterDependencies } from '../gateway/register.ts'
import { readAuthorities } from '../gateway/relay/authorities.ts'
import { createRelay, type Relay } from '../gateway/relay/relay.ts'
import { lifetimes, ReturnTrip } from '../gateway/return-trip.ts'
import { Routes } from '../gateway/routing.ts'
import { RunningExchanges } from '../gateway/running-exchanges.ts'
import { fetchLimited } from '../lib/fetch-limited.ts'
import { IpSet } from '../lib/ip-set.ts'
import type { Random } from '../lib/random.ts'
import { formatProblem } from '../lib/yaml-document.ts'
import type { Settings } from '../settings/settings.ts'
import { createNonceStore } from '../shared-state/memory.ts'
import { RecordUnavailable } from '../store/errors.ts'
import type { Change, Store } from '../store/ports.ts'
import type { Health } from '../telemetry/health.ts'
import type { AccessLog, Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface GatewayParts {
  readonly settings: Settings
  readonly store: Store
  readonly logger: Logger
  readonly accessLog: AccessLog
  readonly metrics: Metrics
  readonly health: Health
  readonly random: Random
  readonly now: () => number
}

export interface GatewayRole {
  readonly urls: readonly string[]
  reload(): Promise<void>
  /** Brings gauges up to date before they are read. */
  measure(): void
  close(drainFor: number): Promise<void>
}

export async function startGatewayRole(parts: GatewayParts): Promise<GatewayRole> {
  const core = await openCore(parts)
  const listeners = await openListeners(parts, core).catch(async (error: unknown) => {
    core.bypasses.close()
    await core.relay.close()
    throw error
  })
  const background = startBackground(parts, core, listeners)
  return {
    urls: listeners.map(urlOf),
    async reload() {
      if (await core.policy.reload()) await core.live.reconsiderAll()
      await background.reloadTls()
    },
    measure() {
      parts.metrics.open.set(core.live.size)
      parts.metrics.connections.set(
        listeners.reduce((sum, { listener }) => sum + listener.openConnections, 0),
      )
      parts.metrics.bypasses.reset()
      for (const service of core.bypasses.services()) parts.metrics.bypasses.labels(service).set(1)
      for (const { service, upstream, healthy } of core.relay.upstreamHealth()) {
        parts.metrics.upstreamHealthy.labels(service, upstream).set(healthy ? 1 : 0)
      }
    },
    async close(drainFor) {
      // A block or a wrong policy still cuts off what is draining.
      await Promise.all(listeners.map(({ listener }) => listener.drain(drainFor)))
      await core.running.settled(lastWords)
      background.close()
      await core.relay.close()
      await core.journal.flush()
    },
  }
}

/** Milliseconds for the exchanges that `drainFor` has cut off to be written down. */
const lastWords = 2_000

/** What decides and carries an exchange, before anything listens. */
interface Core {
  readonly policy: PolicyInForce
  readonly devices: DeviceStates
  readonly bypasses: ActiveBypasses
  readonly live: LiveExchanges
  readonly running: RunningExchanges
  readonly relay: Relay
  readonly journal: RefusalJournal
  readonly routes: Routes
  readonly pipeline: Pipeline
}

async function openCore(parts: GatewayParts): Promise<Core> {
  const { settings, store, logger, metrics, now, random } = parts
  const policy = await PolicyInForce.open(settings.policy, {
    trustedProxies: settings.gateway.trustedProxies,
    services: settings.services,
    now,
    onReload: (event) => reportReload(event, parts),
    onError: (error) => logger.error({ err: error }, 'policy file cannot be watched'),
  })
  reportReload({ outcome: 'loaded', digest: policy.current.digest }, parts)
  const devices = createDeviceStates({
    registrations: store.registrations,
    hotDevices: settings.limits.hotDevices,
    staleFor: () => policy.current.limits.staleFor,
    now,
    onCondition: (ok, detail) =>
      parts.health.set('record', detail === undefined ? { ok } : { ok, detail }, true),
  })
  const bypasses: ActiveBypasses = new ActiveBypasses({
    bypasses: store.bypasses,
    now,
    onEnd: () => {
      logger.info('a bypass has ended')
      void live
        .reconsiderAll()
        .catch((error: unknown) => logger.error({ err: error }, 'background work failed'))
    },
  })
  const routes = new Routes(settings.services, settings.gateway.hosts, {
    now,
    verifyToken: createTokenVerifier({ fetch: fetchLimited, now }),
    userOfGrant: (key) => store.grants.userOf(key.hash, now()),
  })
  const live = new LiveExchanges({
    find: (keys) => devices.find(keys),
    policy: () => policy.current,
    bypassUntil: (service) => bypasses.until(service),
    now,
    onCutOff: ({ route, state, request }, decision) => {
      metrics.cutOffs.labels(route.service.name).inc()
      logger.info(
        { id: request.head.id, registration: state?.registration.id, reason: decision.reason },
        'cut off',
      )
    },
  })
  await bypasses.refresh()
  const journal = new RefusalJournal({
    refusals: store.refusals,
    policy: () => policy.current,
    onDropped: () => metrics.journalDropped.inc(),
    onError: (error) => logger.warn({ err: error }, 'refusals could not be kept for explain'),
  })
  const relay = createRelay({
    services: settings.services,
    authorities: await readAuthorities(settings.services),
    limits: settings.limits,
    pseudonym: settings.gateway.pseudonym,
    now,
    onHealth: ({ service, upstream, healthy, failures }) =>
      logger.warn({ service, upstream, failures }, healthy ? 'upstream answers again' : 'upstream set aside'),
  })
  const identityFields = createIdentityFields({
    privateKey: await store.keys.getOrCreate('identity-jwt', generateIdentityKey),
    issuer: settings.gateway.pseudonym,
    now,
  })
  const trip = new ReturnTrip(await store.keys.getOrCreate('return-trip', random.secret), now)
  const core = { policy, devices, bypasses, live, running: new RunningExchanges(), relay, journal, routes }
  return { ...core, pipeline: assemblePipeline(parts, core, { identityFields, trip }) }
}

function assemblePipeline(
  parts: GatewayParts,
  core: Omit<Core, 'pipeline'>,
  { identityFields, trip }: { readonly identityFields: IdentityFields; readonly trip: ReturnTrip },
): Pipeline {
  const { settings, store, logger, accessLog, metrics, now, random } = parts
  const { policy, devices, bypasses, live, running, relay, journal, routes } = core
  const record = createRecorder({ accessLog, metrics, journal, now, ...settings.log })
  const assess: AssessDependencies = {
    devices,
    approvals: store.approvals,
    policy: () => policy.current,
    bypassUntil: (service) => bypasses.until(service),
    vouchedNetworks: ({ head }, service) => trip.vouchedNetworks(head, service),
  }
  const nonces = createNonceStore({ now })
  const register: RegisterDependencies = {
    registrations: store.registrations,
    grants: store.grants,
    clientsPerUser: () => policy.current.limits.clientsPerUser,
    newSecret: random.secret,
    newRegistrationId: () => `r_${random.id()}`,
    now,
    claimVoucher: async (head) => {
      const id = trip.voucherId(head)
      return id !== undefined && nonces.claim(`voucher:${id}`, lifetimes.voucher * 1000)
    },
    onRegistered: ({ registration }, keys) => {
      devices.forgetUnknown(keys)
      metrics.registrations.labels(registration.service).inc()
    },
    onFailed: ({ route, request }, error) => {
      metrics.registrationFailures.labels(route.service.name).inc()
      if (error instanceof RecordUnavailable) reportWrites(parts.health, error.message)
      logger.error({ id: request.head.id, err: error }, 'registration could not be stored')
    },
  }
  return {
    routes,
    assess,
    enact: {
      relay,
      live,
      identityFields,
      register,
      redirect: { trip, isOwnHost: (host) => routes.isOwnHost(host), newSecret: random.secret },
      approvals: store.approvals,
      policy: () => policy.current,
      pendingApprovals: settings.limits.pendingApprovals,
      newSecret: random.secret,
    },
    pages: {
      trip,
      routes,
      nonces,
      policy: () => policy.current,
      assess,
      jwks: identityFields.jwks,
      newId: random.secret,
    },
    fail: {
      onFailure: (head, reason, error) => logger.warn({ id: head.id, reason, err: error }, 'exchange failed'),
    },
    record(exchange) {
      try {
        record(exchange)
      } finally {
        running.end()
      }
    },
  }
}

interface OpenListener {
  readonly scheme: 'http' | 'https'
  readonly listener: Listener
}

async function openListeners(parts: GatewayParts, core: Core): Promise<readonly OpenListener[]> {
  const { settings, accessLog, metrics, now, random } = parts
  const { gateway, limits } = settings
  const tls = gateway.tls === undefined ? undefined : await loadTlsMaterial(gateway.tls)
  if (tls !== undefined) reportCertificates(tls, parts)
  const onRefused = createMalformedHandler(accessLog, metrics, core.routes)
  const opened: OpenListener[] = []
  for (const listen of gateway.listen) {
    const starting = startListener({
      listen,
      ...(listen.scheme === 'https' && tls !== undefined && { tls }),
      trustedProxies: IpSet.of(gateway.trustedProxies),
      proxyProtocol: gateway.proxyProtocol,
      forwarded: gateway.forwarded,
      pseudonym: gateway.pseudonym,
      limits,
      pathRules: (host) => core.routes.ofHost(host)?.service.paths ?? strictPaths,
      upgrades: (host) => core.routes.ofHost(host)?.service.upgrades ?? [],
      allowFields: (host) => core.routes.ofHost(host)?.service.allowFields ?? [],
      now,
      newId: random.id,
      onExchange: (head, client) => {
        core.running.begin()
        return handleExchange(head, client, core.pipeline)
      },
      onRefused,
    })
    try {
      opened.push({ scheme: listen.scheme, listener: await starting })
    } catch (error) {
      // The others must not go on serving for a process that says that it did not start.
      await Promise.all(opened.map(({ listener }) => listener.drain(0)))
      throw error
    }
  }
  return opened
}

const strictPaths = { encodedSlash: false, parameters: false, caseInsensitive: false }

function urlOf({ scheme, listener }: OpenListener): string {
  const { host, port } = listener.address
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

interface Background {
  reloadTls(): Promise<void>
  close(): void
}

/** Milliseconds between two looks at the open exchanges for what changes by time alone (`registeredWithin`, `from:`). */
const reconsiderEvery = 30_000

function startBackground(parts: GatewayParts, core: Core, listeners: readonly OpenListener[]): Background {
  const { store, logger } = parts
  const onError = (error: unknown) => logger.error({ err: error }, 'background work failed')
  const changes = followChanges({
    changes: store.changes,
    onChange: (change) => void apply(change, parts, core).catch(onError),
    onGap: () => {
      core.devices.dropAll()
      void core.bypasses
        .refresh()
        .then(() => core.live.reconsiderAll())
        .catch(onError)
    },
    onError: (error) => logger.debug({ err: error }, 'change notices cannot be read'),
  })
  const sweep = setInterval(() => void core.live.reconsiderAll().catch(onError), reconsiderEvery).unref()
  const probe = startProbe(parts)
  void core.policy.follow(async () => core.live.reconsiderAll())
  const certificates = followCertificates(parts, listeners)
  return {
    reloadTls: async () => certificates?.reload(),
    close() {
      clearInterval(sweep)
      probe.close()
      changes.close()
      core.bypasses.close()
      core.policy.close()
      certificates?.close()
    },
  }
}

/** New certificates serve new connections; when they are wrong, the ones before stay and readiness says so. */
function followCertificates(parts: GatewayParts, listeners: readonly OpenListener[]): TlsWatch | undefined {
  const { settings, logger, health } = parts
  if (settings.gateway.tls === undefined) return undefined
  return watchTlsMaterial(settings.gateway.tls, {
    onMaterial(material) {
      for (const { scheme, listener } of listeners) if (scheme === 'https') listener.reloadTls(material)
      reportCertificates(material, parts)
      health.set('certificates', { ok: true }, false)
      logger.info('certificates reloaded')
    },
    onError(error) {
      const detail = error instanceof Error ? error.message : String(error)
      health.set('certificates', { ok: false, detail: `new files are not in use: ${detail}` }, false)
      logger.error({ err: error }, 'certificates rejected; the ones before stay in use')
    },
  })
}

function reportCertificates({ certificates }: TlsMaterial, { metrics }: GatewayParts): void {
  for (const { names, notAfter } of certificates) {
    metrics.certificateEnd.labels(names[0] ?? 'unnamed').set(notAfter / 1000)
  }
}

/** Milliseconds between two looks at the record's health when no request needs it. */
const probeEvery = 5_000

/** One look after the other: a look at a record that is locked takes its time. */
function startProbe(parts: GatewayParts): { close(): void } {
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const next = () => {
    if (!closed) timer = setTimeout(() => void probeRecord(parts).finally(next), probeEvery).unref()
  }
  // At once: until then the gauges say that there is no record.
  void probeRecord(parts).finally(next)
  return {
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

async function probeRecord({ store, health, metrics }: GatewayParts): Promise<void> {
  const silent = await problemOf(store.ping())
  metrics.recordAvailable.set(silent === undefined ? 1 : 0)
  if (silent !== undefined) {
    health.set('record', { ok: false, detail: silent }, true)
    return
  }
  const unwritable = await problemOf(store.pingWrites())
  metrics.recordWritable.set(unwritable === undefined ? 1 : 0)
  reportWrites(health, unwritable)
}

async function problemOf(check: Promise<void>): Promise<string | undefined> {
  try {
    await check
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown'
  }
}

/** Not essential: known devices connect all the same, and would be turned away by a process that gets no traffic. */
function reportWrites(health: Health, problem: string | undefined): void {
  const detail = `takes no writes, so that nobody can register: ${problem}`
  health.set('record', problem === undefined ? { ok: true } : { ok: false, detail }, problem === undefined)
}

/** A committed change, made by whichever process: copies are dropped and the open exchanges decided again. */
async function apply(change: Change, parts: GatewayParts, core: Core): Promise<void> {
  switch (change.kind) {
    case 'registration':
      core.devices.drop(change.subject)
      return core.live.reconsiderDevice(change.subject)
    case 'bypass': {
      const active = await core.bypasses.refresh()
      parts.logger.warn({ services: active.map(({ service }) => service) }, 'bypasses have changed')
      return core.live.reconsiderAll()
    }
    case 'approval':
      return // read from the record at the next request of the waiting device
  }
}

function reportReload({ outcome, digest, problems }: PolicyReload, parts: GatewayParts): void {
  const { logger, metrics, health, now } = parts
  metrics.policyReloads.labels(outcome).inc()
  metrics.policyGood.set(outcome === 'rejected' ? 0 : 1)
  if (outcome === 'loaded') metrics.policyLoadedAt.set(now() / 1000)
  if (outcome === 'rejected') {
    const first = problems?.[0]
    const detail = first === undefined ? 'rejected' : formatProblem(first)
    health.set('policy', { ok: false, detail: `the new policy is not in force: ${detail}` }, false)
    logger.error({ policy: digest, problems }, 'policy rejected; the one before stays in force')
    auditPolicy({ action: 'policy.rejected', subject: digest, details: { problem: detail } }, parts)
  } else {
    health.set('policy', { ok: true }, false)
    if (outcome === 'unchanged') return
    logger.info({ policy: digest }, 'policy in force')
    auditPolicy({ action: 'policy.loaded', subject: digest, details: {} }, parts)
  }
}

/** A policy that nobody could write down decides all the same: the file says it, and the log. */
function auditPolicy(
  event: Pick<AuditEvent, 'action' | 'subject' | 'details'>,
  { store, logger, now }: GatewayParts,
): void {
  store.audit
    .append({ at: now(), actor: 'gateway', ...event })
    .catch((error: unknown) => logger.error({ err: error }, 'the policy is not in the audit log'))
}
