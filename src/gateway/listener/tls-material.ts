import { X509Certificate } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createSecureContext } from 'node:tls'
import { lookAtFiles } from '../../lib/look-at-files.ts'

/** The files of a TLS listener, as the settings name them. */
export interface TlsFiles {
  /** The first serves names that no certificate holds. */
  readonly certificates: readonly {
    readonly cert: string
    readonly key: string
    readonly passphrase?: { reveal(): string }
  }[]
  /** CAs of client certificates; empty: none is asked for. */
  readonly clientCa: readonly string[]
  /** With one, every CA of a client certificate's chain needs one. */
  readonly crl: readonly string[]
  readonly http2: boolean
}

/** The contents of those files, checked: each key fits its certificate, and the lists can be read. */
export interface TlsMaterial {
  readonly certificates: readonly ServerCertificate[]
  readonly clientCa: readonly string[]
  readonly crl: readonly string[]
  readonly http2: boolean
  /** PEM of Gatehouse's own CAs; clients are asked for a certificate even while there is none yet. */
  readonly ownCa?: readonly string[]
}

export interface ServerCertificate {
  readonly cert: string
  readonly key: string
  readonly passphrase?: string
  /** DNS names of the subject alternative name, in lower case; `*.example.com` covers one label. */
  readonly names: readonly string[]
  /** Milliseconds since the epoch. */
  readonly notAfter: number
}

/** A certificate, key, CA or revocation list that cannot be used. The message names the file and holds no secret. */
export class TlsMaterialError extends Error {
  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(`${file}: ${problem}`, options)
    this.name = 'TlsMaterialError'
  }
}

/** @throws {TlsMaterialError} when any of the files is missing, malformed or does not fit */
export async function loadTlsMaterial(files: TlsFiles): Promise<TlsMaterial> {
  const [certificates, clientCa, crl] = await Promise.all([
    Promise.all(files.certificates.map(loadCertificate)),
    Promise.all(files.clientCa.map(readPem)),
    Promise.all(files.crl.map(readPem)),
  ])
  for (const [index, ca] of clientCa.entries()) check(files.clientCa[index]!, () => checkCa(ca))
  for (const [index, list] of crl.entries())
    check(files.crl[index]!, () => createSecureContext({ crl: list }))
  return { certificates, clientCa, crl, http2: files.http2 }
}

export interface TlsWatch {
  /** Reads the files again now. */
  reload(): Promise<void>
  close(): void
}

export interface TlsWatcher {
  readonly onMaterial: (material: TlsMaterial) => void
  /** The new files are wrong or cannot be watched; what was loaded before stays in use. */
  readonly onError: (error: unknown) => void
  /** Milliseconds between two looks at the files, for changes of which nobody tells. */
  readonly every?: number
}

/** Files are replaced one after another: wait until the folder has been still for so long. */
const settleFor = 250

/**
 * Watches the folders rather than the files, so that replacing a file by renaming (and a changed symlink) is seen. What that cannot see (the
 * folder itself was replaced, a link leads elsewhere) is looked for.
 */
export function watchTlsMaterial(
  files: TlsFiles,
  { onMaterial, onError, every = 10_000 }: TlsWatcher,
): TlsWatch {
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const reload = async () => {
    try {
      await looks.seen()
      const material = await loadTlsMaterial(files)
      if (!closed) onMaterial(material)
    } catch (error) {
      if (!closed) onError(error)
    }
  }
  const onChange = () => {
    clearTimeout(timer)
    timer = setTimeout(() => void reload(), settleFor).unref()
  }
  const looks = lookAtFiles(pathsOf(files), { every, onChange })
  const watchers = foldersOf(files).map((folder) => watchFolder(folder, onChange, onError))
  return {
    reload,
    close() {
      closed = true
      clearTimeout(timer)
      looks.close()
      for (const watcher of watchers) watcher?.close()
    },
  }
}

function watchFolder(
  folder: string,
  onChange: () => void,
  onError: (error: unknown) => void,
): FSWatcher | undefined {
  try {
    return watch(folder, { persistent: false }, onChange).on('error', onError)
  } catch (error) {
    onError(error)
    return undefined
  }
}

function foldersOf(files: TlsFiles): string[] {
  return [...new Set(pathsOf(files).map((path) => dirname(path)))]
}

function pathsOf({ certificates, clientCa, crl }: TlsFiles): string[] {
  return [...certificates.flatMap(({ cert, key }) => [cert, key]), ...clientCa, ...crl]
}

async function loadCertificate(files: TlsFiles['certificates'][number]): Promise<ServerCertificate> {
  const [cert, key] = await Promise.all([readPem(files.cert), readPem(files.key)])
  const passphrase = files.passphrase?.reveal()
  const protection = passphrase === undefined ? {} : { passphrase }
  const certificate = check(files.cert, () => new X509Certificate(cert))
  check(files.key, () => createSecureContext({ cert, key, ...protection }))
  return {
    cert,
    key,
    ...protection,
    names: dnsNames(certificate),
    notAfter: certificate.validToDate.getTime(),
  }
}

function checkCa(pem: string): void {
  if (!new X509Certificate(pem).ca) throw new Error('is not the certificate of a CA')
  createSecureContext({ ca: pem })
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new TlsMaterialError(path, `cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
}

function check<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    // OpenSSL's own words: `key values mismatch`, `no start line`, `bad decrypt`.
    const { reason, message } = cause as Error & { reason?: string }
    throw new TlsMaterialError(path, reason ?? message, { cause })
  }
}

function dnsNames({ subjectAltName }: X509Certificate): string[] {
  const names = (subjectAltName ?? '').split(', ').filter((name) => name.startsWith('DNS:'))
  return names.map((name) => name.slice(4).toLowerCase())
}
