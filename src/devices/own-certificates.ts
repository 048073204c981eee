import { proxiedSerial } from '../domain/issued-certificate.ts'
import type { ClientCertificate } from '../domain/request-head.ts'
import type { Authorities, Certificates } from '../store/certificate-ports.ts'
import { RecordCopy, type RecordCopyOptions } from './record-copy.ts'

/** What a certificate is known by: the serial number that we gave it, or its key where another CA has issued it through us. */
export type NamedCertificate = Pick<ClientCertificate, 'serialNumber' | 'publicKeySha256'>

export interface OwnCertificatesOptions extends RecordCopyOptions {
  readonly certificates: Pick<Certificates, 'revokedSerials'>
  readonly authorities: Pick<Authorities, 'trusted'>
  readonly now: () => number
  /** Other authorities are trusted than before. */
  readonly onAuthorities?: () => void
}

/**
 * What a gateway knows of Gatehouse's own certificates: which authorities to trust, and which serials are revoked. A
 * revocation counts from its notice on, without a list that has to be fetched and grows old. Serials are random, so that
 * no other CA's certificate has one of them.
 */
export class OwnCertificates extends RecordCopy {
  protected readonly part = 'The revoked certificates'
  #revoked: ReadonlySet<string> = new Set()
  /** Told of while the record was being read, which may not have seen them. */
  readonly #told = new Set<string>()
  #authorities: readonly string[] = []
  readonly #options: OwnCertificatesOptions

  constructor(options: OwnCertificatesOptions) {
    super(options)
    this.#options = options
  }

  /** PEM of the authorities whose certificates count. */
  get authorities(): readonly string[] {
    return this.#authorities
  }

  /** A change of kind `certificate`: a serial that is revoked from now on, or an authority's id. */
  told(subject: string): void {
    if (isAuthority(subject)) this.changed()
    else this.#told.add(subject)
  }

  /** Only when it is `ready`. */
  isRevoked({ serialNumber, publicKeySha256 }: NamedCertificate): boolean {
    if (this.#revoked.size + this.#told.size === 0) return false
    return this.#holds(serialNumber) || this.#holds(proxiedSerial(publicKeySha256))
  }

  #holds(serial: string): boolean {
    return this.#revoked.has(serial) || this.#told.has(serial)
  }

  protected async read(): Promise<void> {
    const { certificates, authorities, now, onAuthorities } = this.#options
    const told = [...this.#told]
    const [serials, trusted] = await Promise.all([
      certificates.revokedSerials(now()),
      authorities.trusted(now()),
    ])
    this.#revoked = new Set(serials)
    for (const serial of told) this.#told.delete(serial)
    const before = this.#authorities.join()
    // Not those above it: all that an enterprise's root has ever issued would count.
    this.#authorities = trusted.map(({ certificate }) => certificate)
    if (this.#authorities.join() !== before) onAuthorities?.()
  }
}

function isAuthority(subject: string): boolean {
  return subject.startsWith('ca_')
}
