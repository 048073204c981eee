import { sameUser } from '../../clients/user-name.ts'
import type { Answer } from '../../domain/answer.ts'
import type { AppDevice } from '../../domain/app-device.ts'
import type { Platform } from '../../domain/client-identity.ts'
import type { RequestHead } from '../../domain/request-head.ts'
import { equalSecrets, sha256 } from '../../lib/hash.ts'
import { digestFits } from '../../lib/http-signatures/content-digest.ts'
import { asymmetricKey } from '../../lib/http-signatures/keys.ts'
import { type MessageSignature, readSignatures } from '../../lib/http-signatures/signature.ts'
import { verifySignature } from '../../lib/http-signatures/verify.ts'
import { type PublicJwk, readPublicJwk } from '../../lib/public-jwk.ts'
import { compareVersions, parseVersion } from '../../policy/versions.ts'
import { SharedStateUnavailable } from '../../shared-state/ports.ts'
import type { Route } from '../routing.ts'
import type { CompanyApp } from './company-app.ts'
import { type Contact, readContact } from './contact-body.ts'
import { type BindingLink, bindingLink } from './links.ts'
import { AppRefused } from './refused.ts'
import {
  asMessage,
  checkCoverage,
  checking,
  checkTimes,
  claimNonce,
  type Freshness,
  freshnessOf,
} from './signed-request.ts'

/** The most that the body may have. */
export const contactSize = 16 * 1024
const minute = 60_000

/**
 * The app’s first contact, with what `checkArrival` has found. What only a holder of the package key gets to: digest, company,
 * version, vendor, token, the app's own key.
 * @throws AppRefused
 */
export async function firstContact(arrival: Arrival, body: Uint8Array, app: CompanyApp): Promise<Answer> {
  const { head } = arrival
  if (!checking(() => digestFits(head.fields.all('content-digest'), body)))
    throw new AppRefused('app.digest-mismatch')
  const contact = readContact(body)
  await countDevice(contact, app)
  checkCompany(contact, app)
  checkVersion(contact, app)
  await checkVendor(contact, app)
  const mdmTokenId = await checkMdmToken(contact, app)
  return admit(arrival, { contact, ...(mdmTokenId !== undefined && { mdmTokenId }) }, app)
}

/** A request that a holder of a package key has made just now, and whose body nobody has read yet. */
export interface Arrival {
  readonly head: RequestHead
  /** The id of the package key. */
  readonly packageKey: string
  /** By the key that the body is going to name. */
  readonly ownSignature: MessageSignature
  readonly fresh: Freshness
}

/**
 * Before the body is read: who has no business here costs little. Strangers are counted by themselves: whoever shares
 * an address with phones (an office, a carrier's NAT) and holds no package key does not use up their attempts.
 * @throws AppRefused
 */
export async function checkArrival(head: RequestHead, app: CompanyApp): Promise<Arrival> {
  if (head.query !== undefined) throw new AppRefused('app.secret-in-url')
  const { perAddress } = app.settings.attempts
  const arrival = await readArrival(head, app).catch(async (error: unknown) => {
    if (error instanceof AppRefused && error.reason !== 'app.nonces-unavailable')
      await count(`app-stranger:${head.source.address}`, perAddress, app)
    throw error
  })
  await count(`app-address:${head.source.address}`, perAddress, app)
  return arrival
}

async function readArrival(head: RequestHead, app: CompanyApp): Promise<Arrival> {
  if (head.method !== 'POST') throw new AppRefused('app.method')
  const type = head.fields.get('content-type')
  if (type === undefined || !/^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i.test(type))
    throw new AppRefused('app.request-invalid', 'Content-Type must be application/json')
  if (head.fields.has('content-encoding'))
    throw new AppRefused('app.request-invalid', 'the body must not be encoded')
  const { packageKeys, settings, now } = app
  const { ofPackage, ofOwnKey } = bothSignatures(head, (id) => packageKeys(id, now()) !== undefined)
  const fresh = freshnessOf(ofPackage)
  checkCoverage(ofPackage, true)
  const key = packageKeys(fresh.keyid, now())
  if (key === undefined) throw new AppRefused('app.key-unknown')
  if (!checking(() => verifySignature(ofPackage, asMessage(head), key)))
    throw new AppRefused('app.signature-invalid')
  checkTimes(fresh, settings, now())
  await claimNonce(fresh, app)
  return { head, packageKey: fresh.keyid, ownSignature: ofOwnKey, fresh }
}

/** One by the package key, one by the app's own; which is which, their key ids tell. */
function bothSignatures({ fields }: RequestHead, isPackageKey: (id: string) => boolean) {
  const missing = ['signature-input', 'signature', 'content-digest'].filter((name) => !fields.has(name))
  if (missing.length > 0) throw new AppRefused('app.signature-missing', `there is no ${missing.join(', ')}`)
  const signatures = checking(() => readSignatures(fields.all('signature-input'), fields.all('signature')))
  const [first, second] = signatures
  if (first === undefined || second === undefined)
    throw new AppRefused(
      'app.signature-missing',
      'there must be two signatures: by the package key, and by the app’s own key',
    )
  if (signatures.length > 2)
    throw new AppRefused('app.signature-malformed', 'there must be two signatures, not more')
  return isPackageKey(second.parameters.keyid ?? '')
    ? { ofPackage: second, ofOwnKey: first }
    : { ofPackage: first, ofOwnKey: second }
}

/** Whoever holds the package key could otherwise register a key of somebody else, who then could not. */
function checkOwnKey({ head, ownSignature, fresh }: Arrival, { key, thumbprint }: PublicJwk): void {
  const { keyid, nonce, created, expires } = ownSignature.parameters
  if (keyid !== thumbprint)
    throw new AppRefused(
      'app.proof-invalid',
      'the keyid of the second signature is not the thumbprint of publicKey',
    )
  if (nonce !== fresh.nonce || created !== fresh.created || expires !== fresh.expires)
    throw new AppRefused(
      'app.proof-invalid',
      'created, expires and nonce must be the same in both signatures',
    )
  checkCoverage(ownSignature, true)
  if (!checking(() => verifySignature(ownSignature, asMessage(head), asymmetricKey(key))))
    throw new AppRefused('app.proof-invalid', 'the signature by the app’s own key is wrong')
}

/** After the signature: a stranger cannot lock a device out by its id. */
function countDevice({ ids, user }: Contact, app: CompanyApp): Promise<void> {
  const device = sha256(JSON.stringify([user, ids.udid, ids.serial, ids.imei, ids.meid, ids.entraDeviceId]))
  return count(`app-device:${device}`, app.settings.attempts.perDevice, app)
}

async function count(key: string, most: number, { counters, onError }: CompanyApp): Promise<void> {
  let attempts = 0
  try {
    attempts = await counters.hit(key, minute)
  } catch (error) {
    if (!(error instanceof SharedStateUnavailable)) throw error
    onError(error)
  }
  if (attempts > most) throw new AppRefused('app.rate-limited')
}

function checkCompany({ companyName }: Contact, { settings }: CompanyApp): void {
  if (!equalSecrets(companyName, settings.company)) throw new AppRefused('app.company-mismatch')
}

function checkVersion({ platform, appVersion }: Contact, { settings }: CompanyApp): void {
  const version = parseVersion(appVersion)
  if (version === undefined)
    throw new AppRefused('app.request-invalid', 'appVersion is no version such as 2.1.0')
  const least = parseVersion(minimumFor(platform, settings.minVersion) ?? '0')
  if (least !== undefined && compareVersions(version, least) < 0) throw new AppRefused('app.version-outdated')
}

/** An iPad runs the iPhone's app. */
function minimumFor(
  platform: Platform,
  minimum: Readonly<Partial<Record<Platform, string>>>,
): string | undefined {
  return minimum[platform] ?? (platform === 'ipados' ? minimum.ios : undefined)
}

async function checkVendor({ ids, user }: Contact, { settings, reported }: CompanyApp): Promise<void> {
  if (!settings.requireVendor) return
  const known = await reported.knownByVendor(ids, user)
  if (known === 'unavailable') throw new AppRefused('app.vendor-unavailable')
  if (known === 'unknown') throw new AppRefused('app.device-unreported')
}

/** A token that came has to be an active one: an app with an old configuration is told so at once. */
async function checkMdmToken(
  { mdmToken }: Contact,
  { mdmTokens, now }: CompanyApp,
): Promise<string | undefined> {
  if (mdmToken === undefined) return undefined
  const token = await mdmTokens.verify(mdmToken, now())
  if (token === undefined) throw new AppRefused('token.inactive')
  return token.id
}

interface Admitting {
  readonly contact: Contact
  readonly mdmTokenId?: string
}

async function admit(arrival: Arrival, { contact, mdmTokenId }: Admitting, app: CompanyApp): Promise<Answer> {
  const { head, packageKey } = arrival
  const key = readPublicJwk(contact.publicKey)
  if (key === undefined) throw new AppRefused('app.public-key-invalid')
  checkOwnKey(arrival, key)
  const made = makeLinks(head, servicesOf(contact, app), app)
  const at = app.now()
  const expiresAt = at + app.settings.ticketLife
  const device = await app.devices.admit({
    device: { ...deviceOf(contact, key, app), ...(mdmTokenId !== undefined && { mdmTokenId }) },
    packageKey,
    source: head.source.address,
    at,
    tickets: made.map(({ ticket, link }) => ({ hash: sha256(ticket), service: link.service, expiresAt })),
  })
  if (device === undefined || !sameUser(device.user, contact.user)) throw new AppRefused('app.key-taken')
  if (device.revoked !== undefined) throw new AppRefused('app.revoked')
  const links = made.map(({ link }) => ({ ...link, expires: Math.floor(expiresAt / 1000) }))
  return json({ device: device.id, keyid: device.thumbprint, links })
}

function servicesOf({ service }: Contact, { routes }: CompanyApp): readonly Route[] {
  if (service === undefined) return routes.all
  const route = routes.byName(service)
  if (route === undefined) throw new AppRefused('app.service-unknown')
  return [route]
}

function makeLinks(
  head: RequestHead,
  routes: readonly Route[],
  { newSecret }: CompanyApp,
): readonly { readonly ticket: string; readonly link: BindingLink }[] {
  return routes.flatMap((route) => {
    const ticket = newSecret()
    const link = bindingLink(route, ticket, head)
    return link === undefined ? [] : [{ ticket, link }]
  })
}

function deviceOf(
  { ids, user, platform, appVersion }: Contact,
  { thumbprint, json: publicKey }: PublicJwk,
  { newDeviceId }: CompanyApp,
): Omit<AppDevice, 'registeredAt' | 'lastSeenAt' | 'packageKey' | 'revoked'> {
  return { id: newDeviceId(), user, ids, platform, appVersion, thumbprint, publicKey }
}

function json(value: object): Answer {
  return { status: 200, headers: [['Content-Type', 'application/json']], body: `${JSON.stringify(value)}\n` }
}
