import { X509Certificate } from 'node:crypto'
import type { PlistDict, PlistValue } from '../../src/lib/plist/values.ts'
import { type DeviceNetwork, deviceRequest, ServerRefused } from './connection.ts'
import { type DeviceIdentity, newKey, scepAnswer, scepRequest } from './messages.ts'
import { dictOf, textOf } from './plist-values.ts'

export interface Enrolling {
  readonly network: DeviceNetwork
  /** Whatever happens while the device makes a key, before it asks for its certificate. */
  readonly beforeCertificate: () => Promise<void>
}

/** A key, a request with the challenge of the SCEP payload, and the certificate that comes back. */
export async function identityFrom(
  payload: PlistDict,
  { network, beforeCertificate }: Enrolling,
): Promise<DeviceIdentity> {
  if (payload.PayloadType !== 'com.apple.security.scep') throw new Error('not a SCEP payload')
  const settings = dictOf(payload.PayloadContent)
  const url = textOf(settings.URL)
  const authority = await authorityOf(url, settings.CAFingerprint, network)
  const key = newKey(Number(settings.Keysize ?? 1024))
  await beforeCertificate()
  const subject = namesIn(settings.Subject)
  const prepared = scepRequest({
    authority,
    key,
    commonName: subject.get('CN') ?? 'device',
    ...(subject.has('O') && { organisation: subject.get('O') ?? '' }),
    challenge: textOf(settings.Challenge ?? ''),
  })
  return { key, certificate: await certificateFor(prepared, { url, authority, network }) }
}

/** Renews the identity with the old one, as devices do by themselves; no message tells the server. */
export async function renewedIdentity(
  payload: PlistDict | undefined,
  renews: DeviceIdentity,
  network: DeviceNetwork,
): Promise<DeviceIdentity> {
  const settings = dictOf(payload?.PayloadContent)
  const url = textOf(settings.URL)
  const authority = await authorityOf(url, settings.CAFingerprint, network)
  const key = newKey()
  const commonName = namesIn(settings.Subject).get('CN') ?? 'device'
  const prepared = scepRequest({ authority, key, commonName, renews })
  return { key, certificate: await certificateFor(prepared, { url, authority, network }) }
}

async function authorityOf(
  url: string,
  fingerprint: PlistValue | undefined,
  network: DeviceNetwork,
): Promise<X509Certificate> {
  const { body, status } = await deviceRequest(`${url}?operation=GetCACert`, { method: 'GET' }, network)
  if (status !== 200) throw new Error(`GetCACert: ${status}`)
  const authority = new X509Certificate(body)
  const expected = fingerprint instanceof Uint8Array ? Buffer.from(fingerprint).toString('hex') : undefined
  const actual = authority.fingerprint.replaceAll(':', '').toLowerCase()
  if (expected !== undefined && expected !== actual) throw new Error('the CA is not the one of the profile')
  return authority
}

interface ScepServer {
  readonly url: string
  readonly authority: X509Certificate
  readonly network: DeviceNetwork
}

async function certificateFor(
  prepared: ReturnType<typeof scepRequest>,
  { url, authority, network }: ScepServer,
): Promise<string> {
  const request = {
    method: 'POST' as const,
    headers: { 'content-type': 'application/x-pki-message' },
    body: prepared.message,
  }
  const answer = await deviceRequest(`${url}?operation=PKIOperation`, request, network)
  if (answer.status !== 200) throw new ServerRefused(answer)
  return scepAnswer(answer.body, prepared, authority)
}

/** `[[["O","x"]],[["CN","y"]]]` */
function namesIn(subject: PlistValue | undefined): ReadonlyMap<string, string> {
  const pairs = (subject as readonly (readonly (readonly [string, string])[])[] | undefined) ?? []
  return new Map(pairs.flat())
}
