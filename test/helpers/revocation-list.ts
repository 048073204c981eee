import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { CertificateAndKey } from '../../sim/certificates.ts'
import { temporaryFolder } from './certificates.ts'
import { run } from './run.ts'

/** A revocation list (PEM) of this CA that holds these certificates, made by OpenSSL. @returns its path */
export async function revocationList(
  t: Test,
  ca: CertificateAndKey,
  revoked: readonly CertificateAndKey[],
): Promise<string> {
  const folder = temporaryFolder(t)
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  file('index.txt', '')
  file('number', '01\n')
  const config = file('ca.cnf', configuration(folder))
  const key = file('ca.key', ca.key)
  const certificate = file('ca.crt', ca.certificate)
  const openssl = async (...args: string[]) => {
    const { code, stderr } = await run(t, [
      ...(['openssl', 'ca', '-batch', '-config', config, '-keyfile', key, '-cert', certificate] as const),
      ...args,
    ])
    if (code !== 0) throw new Error(stderr)
  }
  for (const { certificate: text } of revoked) await openssl('-revoke', file('revoked.crt', text))
  const list = join(folder, 'list.crl')
  await openssl('-gencrl', '-out', list)
  return list
}

function configuration(folder: string): string {
  return `[ca]
default_ca = the_ca
[the_ca]
database = ${folder}/index.txt
crlnumber = ${folder}/number
default_md = sha256
default_crl_days = 30
policy = any
[any]
commonName = optional
`
}
