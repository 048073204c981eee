import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

export interface Openssl {
  readonly folder: string
  /** Runs `openssl`, in the folder. @returns what it wrote on standard output; throws with its words when it fails */
  run(...parameters: string[]): Buffer
  file(name: string, content: string | Buffer): string
}

/** The independent implementation that checks our bytes, in a folder of this test's own. */
export function openssl(t: Test): Openssl {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-openssl-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return {
    folder,
    run: (...parameters) =>
      execFileSync('openssl', parameters, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }),
    file(name, content) {
      const path = join(folder, name)
      writeFileSync(path, content)
      return path
    },
  }
}

/** A certificate that signs itself, as `NAME.crt` and `NAME.key`. */
export function selfSigned(tool: Openssl, name: string, ...more: string[]): void {
  const key = more.length > 0 ? more : ['-newkey', 'rsa:2048']
  tool.run(
    'req',
    '-x509',
    ...key,
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
  )
}
