import { createTokenVerifier } from '../clients/verify-token.ts'
import { createDeviceStates, type DeviceStates } from '../devices/device-states.ts'
import { OwnCertificates } from '../devices/own-certificates.ts'
import { VendorNews } from '../devices/vendor-news.ts'
import { tokenInTarget } from '../evidence/mdm-token/in-url.ts'
import { ActiveBypasses } from '../gateway/active-bypasses.ts'
import { createAppReaders } from '../gateway/app/proof.ts'
import type { AssessDependencies } from '../gateway/assess.ts'
import { FreshNews } from '../gateway/fresh-news.ts'
import { createIdentityFields, generateIdentityKey, type IdentityFields } from '../gateway/identity-fields.ts'
import { LiveExchanges } from '../gateway/live-exchanges.ts'
import { OsUpdates } from '../gateway/os-updates.ts'
import type { Pipeline } from '../gateway/pipeline.ts'
import { PolicyInForce } from '../gateway/policy-in-force.ts'
import { createRecorder } from '../gateway/record.ts'
import { RefusalJournal } from '../gateway/refusal-journal.ts'
import type { RegisterDependencies } from '../gateway/register.ts'
import { readAuthorities } from '../gateway/relay/authorities.ts'
import { createRelay, type Relay } from '../gateway/relay/relay.ts'
import { lifetimes, ReturnTrip } from '../gateway/return-trip.ts'
import { Routes } from '../gateway/routing.ts'
import { RunningExchanges } from '../gateway/running-exchanges.ts'
import { fetchLimited } from '../lib/fetch-limited.ts'
import { openApp } from './gateway-app.ts'
import { reportReload } from './gateway-health.ts'
import { type GatewayTokens, openMdmTokens } from './gateway-mdm-tokens.ts'
import type { GatewayParts } from './gateway-parts.ts'
import { failureReporter } from './report-failure.ts'

/** What decides and carries an exchange, before anything listens. */
export interface Core {
  readonly policy: PolicyInForce
  readonly devices: DeviceStates
  readonly bypasses: ActiveBypasses
  readonly vendors: VendorNews
  readonly tokens: GatewayTokens
  readonly certificates: OwnCertificates
  /** Called when other authorities are trusted than before. */
  readonly onAuthorities: (listener: () => void) => void
  readonly live: LiveExchanges
  readonly osUpdates: OsUpdates
  readonly running: RunningExchanges
  readonly relay: Relay
  readonly journal: RefusalJournal
  readonly routes: Routes
  readonly pipeline: Pipeline
}

export async function openCore(parts: GatewayParts): Promise<Core> {
  const { settings, store, logger, metrics, now, monotonic, random } = parts
  const failed = failureReporter(logger, 'warn')
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
    ...(parts.shared.cache && { cache: parts.shared.cache }),
    onLookup: (outcome) => metrics.sharedLookups.labels(outcome).inc(),
    hotDevices: settings.limits.hotDevices,
    hotMemory: settings.limits.hotMemory,
    staleFor: () => policy.current.limits.staleFor,
    now,
    monotonic,
  })
  const bypasses: ActiveBypasses = new ActiveBypasses({
    bypasses: store.bypasses,
    now,
    monotonic,
    onError: (error) => failed(error, 'bypasses are not up to date'),
    onEnd: () => {
      logger.info('a bypass has ended')
      void live
        .reconsiderAll()
        .catch((error: unknown) => logger.error({ err: error }, 'background work failed'))
    },
  })
  const vendors = new VendorNews({
    sweeps: store.sweeps,
    monotonic,
    onError: (error) => failed(error, 'the age of the vendors’ news is not up to date'),
  })
  const routes = new Routes(settings.services, settings.gateway.hosts, {
    now,
    verifyToken: createTokenVerifier({ fetch: fetchLimited, now }),
    userOfGrant: (key) => store.grants.userOf(key.hash, now()),
  })
  let authoritiesChanged = () => {}
  const certificates = new OwnCertificates({
    certificates: store.certificates,
    authorities: store.authorities,
    now,
    monotonic: parts.monotonic,
    staleFor: () => policy.current.limits.staleFor,
    onAuthorities: () => authoritiesChanged(),
    onError: (error) => failed(error, 'revoked certificates are not up to date'),
  })
  await certificates.refresh()
  const live = new LiveExchanges({
    isRevoked: (certificate) => certificates.isRevoked(certificate),
    isRevokedApp: async (thumbprint) => (await store.appDevices.findByKey(thumbprint))?.revoked !== undefined,
    find: (keys) => devices.find(keys),
    policy: () => policy.current,
    bypassUntil: (service) => bypasses.until(service),
    vendorSeen: () => vendors.seen(),
    now,
    monotonic: parts.monotonic,
    onError: (error) => logger.error({ err: error }, 'background work failed'),
    onCutOff: ({ route, state, request }, decision) => {
      metrics.cutOffs.labels(route.service.name).inc()
      logger.info(
        { id: request.head.id, registration: state?.registration.id, reason: decision.reason },
        'cut off',
      )
    },
  })
  await bypasses.refresh()
  await vendors.refresh()
  const tokens = await openMdmTokens(parts, () => policy.current.limits.staleFor)
  const journal = new RefusalJournal({
    refusals: store.refusals,
    policy: () => policy.current,
    onDropped: () => metrics.journalDropped.inc(),
    onError: (error) => failed(error, 'refusals could not be kept for explain'),
  })
  const relay = createRelay({
    services: settings.services,
    authorities: await readAuthorities(settings.services),
    limits: settings.limits,
    pseudonym: settings.gateway.pseudonym,
    secretField: settings.mdmTokens.header,
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
  const core = {
    policy,
    devices,
    bypasses,
    vendors,
    tokens,
    certificates,
    onAuthorities: (listener: () => void) => {
      authoritiesChanged = listener
    },
    live,
    osUpdates: new OsUpdates({
      registrations: store.registrations,
      now,
      onError: (error) => failed(error, 'OS updates of registered clients could not be written'),
    }),
    running: new RunningExchanges(),
    relay,
    journal,
    routes,
  }
  return { ...core, pipeline: assemblePipeline(parts, core, { identityFields, trip }) }
}

function assemblePipeline(
  parts: GatewayParts,
  core: Omit<Core, 'pipeline'>,
  { identityFields, trip }: { readonly identityFields: IdentityFields; readonly trip: ReturnTrip },
): Pipeline {
  const { settings, store, logger, accessLog, metrics, now, random } = parts
  const { policy, devices, bypasses, vendors, tokens, live, running, relay, journal, routes } = core
  const record = createRecorder({ accessLog, metrics, journal, now, ...settings.log })
  const app = openApp(parts, { routes, mdmTokens: tokens.known })
  const assess: AssessDependencies = {
    devices,
    mdmTokens: tokens.assess,
    app: app && createAppReaders(app),
    approvals: store.approvals,
    policy: () => policy.current,
    bypassUntil: (service) => bypasses.until(service),
    vendorSeen: () => vendors.seen(),
    vouchedNetworks: ({ head }, service) => trip.vouchedNetworks(head, service),
  }
  const { nonces } = parts.shared
  const failed = failureReporter(logger, 'warn')
  const notStored = failureReporter(logger, 'error')
  const register: RegisterDependencies = {
    registrations: store.registrations,
    grants: store.grants,
    enrolledDevice: (publicKey) => store.enrollments.deviceOfKey(publicKey),
    clientsPerUser: () => policy.current.limits.clientsPerUser,
    newSecret: random.secret,
    newRegistrationId: () => `r_${random.id()}`,
    rememberToken: async (registrationId, tokenId) => {
      await tokens.remember(registrationId, tokenId)
      devices.drop(registrationId)
    },
    now,
    claimVoucher: async (head) => {
      const id = trip.voucherId(head)
      return id !== undefined && nonces.claim(`voucher:${id}`, lifetimes.voucher * 1000)
    },
    onRegistered: (state, keys) => {
      metrics.registrations.labels(state.registration.service).inc()
      void parts.notices.announce()
      return devices.registered(state, keys)
    },
    onFailed: ({ route, request }, error) => {
      metrics.registrationFailures.labels(route.service.name).inc()
      notStored(error, 'registration could not be stored', { id: request.head.id })
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
      freshNews: new FreshNews({
        links: store.links,
        now,
        onError: (error) => logger.debug({ err: error }, 'fresh news could not be asked for'),
      }),
      policy: () => policy.current,
      pendingApprovals: settings.limits.pendingApprovals,
      newSecret: random.secret,
      tokenUsed: (id) => tokens.uses.use(id),
      osUpdates: core.osUpdates,
    },
    pages: {
      trip,
      routes,
      nonces,
      app,
      policy: () => policy.current,
      assess,
      jwks: identityFields.jwks,
      newId: random.secret,
    },
    fail: {
      onFailure: (head, reason, error) => failed(error, 'exchange failed', { id: head.id, reason }),
    },
    certificates: core.certificates,
    tokenInUrl: ({ target }) => tokenInTarget(target, settings.mdmTokens.header),
    record(exchange) {
      try {
        record(exchange)
      } finally {
        running.end()
      }
    },
  }
}
