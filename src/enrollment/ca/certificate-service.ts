import { X509Certificate } from 'node:crypto'
import type { Actor } from '../../domain/actor.ts'
import type { CertificateAuthority, IssuedCertificate } from '../../domain/issued-certificate.ts'
import type { CaSettings } from '../../settings/build-ca.ts'
import type { IssueOutcome } from '../../store/certificate-ports.ts'
import type { Store } from '../../store/ports.ts'
import { checkImplicitRejection } from '../cms/implicit-rejection.ts'
import { issuerOf } from '../cms/trust.ts'
import { type Authority, createAuthority, openAuthority, readExternal } from './authority.ts'
import { type Issue, issueCertificate } from './issue.ts'
import { KeyFileError } from './key-files.ts'
import { fingerprintOf } from './names.ts'
import { ocspPath } from './ocsp-path.ts'
import { buildRevocationList } from './revocation-list.ts'

export interface CertificateServiceOptions {
  readonly store: Pick<Store, 'authorities' | 'certificates'>
  readonly settings: CaSettings
  readonly organisation: string
  /** The enrollment listener as devices reach it: `https://mdm.example.com`. */
  readonly publicUrl: string
  readonly now: () => number
  /** The random part of an authority's id. */
  readonly newId: () => string
}

/** Bits of a new authority's key, unless an administrator says otherwise. */
const usualBits = 3072

/** Our authorities in this process: the one that issues, and those before it that are still trusted. */
export class CertificateService {
  readonly #options: CertificateServiceOptions
  #authorities: readonly Authority[]
  #generation = 0
  #missing: KeyFileError | undefined
  readonly #lists = new Map<string, CachedList>()

  private constructor(options: CertificateServiceOptions, authorities: readonly Authority[]) {
    this.#options = options
    this.#authorities = authorities
  }

  /**
   * Opens the authorities of the record; makes the first one, or takes over the enterprise CA of the settings.
   * @throws {KeyFileError} when a key is missing or unusable
   */
  static async open(options: CertificateServiceOptions): Promise<CertificateService> {
    await ensureAuthority(options)
    const authorities = await openTrusted(options, [])
    checkImplicitRejection(authorities[0]!.key)
    return new CertificateService(options, authorities)
  }

  /** Another number since anything was revoked: what was signed before is not to be given to anybody. */
  get generation(): number {
    return this.#generation
  }

  /** The one that issues. */
  get issuing(): Authority {
    return this.#authorities[0]!
  }

  /** The issuing one first; those before it still sign their revocation lists and decrypt what was encrypted to them. */
  get authorities(): readonly Authority[] {
    return this.#authorities
  }

  /** A change of kind `certificate`, or changes may have been missed. @throws {KeyFileError | RecordUnavailable} */
  async refresh(): Promise<void> {
    this.#generation++
    this.#lists.clear()
    try {
      this.#authorities = await openTrusted(this.#options, this.#authorities)
      this.#missing = undefined
    } catch (error) {
      if (error instanceof KeyFileError) this.#missing = error
      throw error
    }
  }

  /**
   * The files of an enterprise CA may have been replaced, or a key that was missing may be there.
   * @returns whether another one issues now
   * @throws {KeyFileError | RecordUnavailable} and goes on as before
   */
  async reload(): Promise<boolean> {
    const before = this.issuing.id
    const isExternal = this.#options.settings.external !== undefined
    if (isExternal)
      await ensureAuthority(this.#options).catch((error: unknown) => {
        if (error instanceof AuthorityReplaced) this.#missing = error
        throw error
      })
    if (isExternal || this.#missing !== undefined) await this.refresh()
    return this.issuing.id !== before
  }

  /** Signs and stores a certificate. @throws {KeyFileError} when another one issues, whose key is not here */
  async issue(
    issue: Omit<Issue, 'organisation' | 'crlUrl' | 'ocspUrl' | 'validity' | 'at'>,
  ): Promise<IssueOutcome> {
    const { store, settings, organisation, now } = this.#options
    // The one before may have been replaced for a reason.
    if (this.#missing !== undefined) throw this.#missing
    const at = now()
    const { validity } = settings
    const crlUrl = this.crlUrl(this.issuing.id)
    const ocspUrl = `${this.#options.publicUrl}${ocspPath}`
    const said = { ...issue, organisation, crlUrl, ocspUrl, validity, at }
    const certificate = issueCertificate(said, this.issuing)
    return store.certificates.issue(certificate, { name: 'enrollment', at })
  }

  /** What the record says of a certificate that one of our authorities has signed; undefined for all others. */
  async recordOf(certificate: X509Certificate): Promise<IssuedCertificate | undefined> {
    const issuers = this.#authorities.map((authority) => authority.certificate)
    if (issuerOf(certificate, issuers) === undefined) return undefined
    return this.#options.store.certificates.byFingerprint(fingerprintOf(certificate.raw))
  }

  crlUrl(id: string): string {
    return `${this.#options.publicUrl}/crl/${id}.crl`
  }

  /** The revocation list of an authority, DER; made anew after a revocation, and when half of its life is over. */
  async revocationList(
    id: string,
  ): Promise<{ readonly der: Buffer; readonly nextUpdate: number } | undefined> {
    const authority = this.#authorities.find((one) => one.id === id)
    if (authority === undefined) return undefined
    const { settings, now } = this.#options
    const at = now()
    const cached = this.#lists.get(id)
    if (cached !== undefined && at < cached.renewAt) return cached.list
    const list = this.#makeList(authority, at)
    const entry = { list, renewAt: at + settings.crlLife / 2 }
    this.#lists.set(id, entry)
    // What failed is not kept.
    list.catch(() => this.#lists.get(id) === entry && this.#lists.delete(id))
    return list
  }

  async #makeList(authority: Authority, at: number) {
    const { store, settings } = this.#options
    const number = await store.authorities.nextCrlNumber(authority.id)
    const revoked = await store.certificates.revokedBy(authority.id, at)
    const nextUpdate = at + settings.crlLife
    return { der: buildRevocationList({ revoked, number, at, nextUpdate }, authority), nextUpdate }
  }
}

interface CachedList {
  readonly list: Promise<{ readonly der: Buffer; readonly nextUpdate: number }>
  readonly renewAt: number
}

/** Those too whose certificates may still be renewed. */
async function openTrusted(
  { store, settings, now }: CertificateServiceOptions,
  known: readonly Authority[],
): Promise<readonly Authority[]> {
  // A key that is open stays: the files of an enterprise CA hold the next one's by now.
  const open = async (authority: CertificateAuthority): Promise<Authority> =>
    known.find(({ id }) => id === authority.id) ?? openAuthority(authority, settings)
  const [issuing, ...before] = await store.authorities.trusted(now() - settings.renewalGrace)
  if (issuing === undefined) throw new Error('There is no certificate authority')
  const opened = await Promise.all(before.map((one) => open(one).catch(() => undefined)))
  // One that does not issue any more may have lost its key; the gateways trust its certificates all the same.
  return [await open(issuing), ...opened.filter((one) => one !== undefined)]
}

async function ensureAuthority(options: CertificateServiceOptions): Promise<void> {
  const { store, settings, now } = options
  const known = await store.authorities.list()
  const by = { name: 'enrollment', why: 'the settings ask for it', at: now() }
  if (settings.external !== undefined) return takeExternal(options, known, by)
  if (known.length === 0) await addOwn(options, { bits: usualBits, replaces: undefined, by })
}

/** The files are those of an authority before the one that issues. */
class AuthorityReplaced extends KeyFileError {
  constructor(file: string, { id, retiredAt = 0 }: CertificateAuthority) {
    const at = new Date(retiredAt).toISOString()
    super(
      file,
      `is that of ${id}, which was replaced at ${at} and does not issue again: put the files of the CA that issues now here as well`,
    )
    this.name = 'AuthorityReplaced'
  }
}

async function takeExternal(
  { store, settings, newId }: CertificateServiceOptions,
  known: readonly CertificateAuthority[],
  by: Actor,
): Promise<void> {
  const { external } = settings
  if (external === undefined) return
  const authority = await readExternal(external, { id: `ca_${newId()}`, at: by.at })
  const [issuing, ...former] = known
  if (issuing?.certificate === authority.certificate) return
  // A machine on which the files of the next one are missing: two would replace each other for ever.
  const replaced = former.find(({ certificate }) => certificate === authority.certificate)
  if (replaced !== undefined) throw new AuthorityReplaced(external.cert, replaced)
  // What it issued would end before it is good; the one before may go on.
  if (new X509Certificate(authority.certificate).validToDate.getTime() <= by.at)
    throw new KeyFileError(external.cert, 'has ended')
  await store.authorities.add(authority, issuing?.id, by)
}

export interface NewOwnAuthority {
  readonly bits: number
  /** Id of the one that issues now. */
  readonly replaces: string | undefined
  readonly by: Actor
}

/** Makes an authority of our own. @returns undefined when another process was faster: its key, then, is never used */
export async function addOwn(
  {
    store,
    settings,
    organisation,
    newId,
  }: Pick<CertificateServiceOptions, 'store' | 'settings' | 'organisation' | 'newId'>,
  { bits, replaces, by }: NewOwnAuthority,
): Promise<CertificateAuthority | undefined> {
  const authority = await createAuthority({ id: `ca_${newId()}`, organisation, bits, at: by.at }, settings)
  return (await store.authorities.add(authority, replaces, by)) ? authority : undefined
}

export function certificatesOf({ certificate, chain }: Authority): readonly X509Certificate[] {
  return [certificate, ...chain]
}
