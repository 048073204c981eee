import type { Authorities, Certificates } from '../store/certificate-ports.ts'
import { RecordUnavailable } from '../store/errors.ts'

export interface OwnCertificatesOptions {
  readonly certificates: Pick<Certificates, 'revokedSerials'>
  readonly authorities: Pick<Authorities, 'trusted'>
  readonly now: () => number
  /** Milliseconds that only grow. */
  readonly monotonic: () => number
  /** Milliseconds for which what was read last still counts when the record cannot be read. */
  readonly staleFor: () => number
  /** Other authorities are trusted than before. */
  readonly onAuthorities?: () => void
  readonly onError: (error: unknown) => void
}

/**
 * What a gateway knows of Gatehouse's own certificates: which authorities to trust, and which serials are revoked. A
 * revocation counts from its notice on, without a list that has to be fetched and grows old. Serials are random, so that
 * no other CA's certificate has one of them.
 */
export class OwnCertificates {
  #revoked: ReadonlySet<string> = new Set()
  /** Told of while the record was being read, which may not have seen them. */
  readonly #told = new Set<string>()
  #authorities: readonly string[] = []
  #reading: Promise<void> | undefined
  #next: Promise<void> | undefined
  #staleSince: number | undefined
  #retry: NodeJS.Timeout | undefined
  #closed = false
  readonly #options: OwnCertificatesOptions

  constructor(options: OwnCertificatesOptions) {
    this.#options = options
  }

  /** PEM of the authorities whose certificates count. */
  get authorities(): readonly string[] {
    return this.#authorities
  }

  /** Reads the record anew, after what is being read now. @throws RecordUnavailable */
  refresh(): Promise<void> {
    if (this.#reading === undefined) return this.#read()
    this.#next ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.#read()
      })
    return this.#next
  }

  /** Changes may have been missed. */
  changed(): void {
    this.refresh().catch(this.#options.onError)
  }

  /** A change of kind `certificate`: a serial that is revoked from now on, or an authority's id. */
  told(subject: string): void {
    if (isAuthority(subject)) this.changed()
    else this.#told.add(subject)
  }

  /** Resolved or undefined: what is known may be used now. @throws RecordUnavailable */
  ready(): Promise<void> | undefined {
    const pending = this.#next ?? this.#reading
    if (pending !== undefined) return pending.catch(() => this.#checkAge())
    this.#checkAge()
    return undefined
  }

  /** Only when it is `ready`. @param serial hexadecimal, upper case */
  isRevoked(serial: string): boolean {
    return this.#revoked.has(serial) || this.#told.has(serial)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
  }

  #read(): Promise<void> {
    this.#reading = this.#readNow().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readNow(): Promise<void> {
    clearTimeout(this.#retry)
    const { certificates, authorities, now, monotonic, onAuthorities } = this.#options
    const told = [...this.#told]
    try {
      const [serials, trusted] = await Promise.all([
        certificates.revokedSerials(now()),
        authorities.trusted(now()),
      ])
      this.#revoked = new Set(serials)
      for (const serial of told) this.#told.delete(serial)
      this.#staleSince = undefined
      const before = this.#authorities.join()
      // Not those above it: all that an enterprise's root has ever issued would count.
      this.#authorities = trusted.map(({ certificate }) => certificate)
      if (this.#authorities.join() !== before) onAuthorities?.()
    } catch (error) {
      this.#staleSince ??= monotonic()
      if (!this.#closed) this.#retry = setTimeout(() => this.changed(), retryAfter).unref()
      throw error
    }
  }

  #checkAge(): void {
    const { monotonic, staleFor } = this.#options
    if (this.#staleSince === undefined || monotonic() - this.#staleSince <= staleFor()) return
    throw new RecordUnavailable('failed', 'The revoked certificates cannot be read')
  }
}

function isAuthority(subject: string): boolean {
  return subject.startsWith('ca_')
}

const retryAfter = 1000
