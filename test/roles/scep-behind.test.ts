import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { issueCertificate } from '../../sim/certificates.ts'
import { openScepBehind } from '../../src/roles/scep-behind.ts'
import type { ScepSettings } from '../../src/settings/build-ca.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { certificates, temporaryFolder } from '../helpers/certificates.ts'

const day = 24 * 60 * 60 * 1000

t.test(
  'the listener does not start with an issuer that no identity could be told by, and names it',
  async (t) => {
    const folder = temporaryFolder(t)
    const { ca, device, deviceCa } = await certificates(t)
    const store = await openSqliteStore(join(folder, 'record.db'), { now: Date.now })
    t.teardown(() => store.close())
    const open = (...issuers: readonly string[]) => {
      const url = new URL('http://ndes.internal/scep')
      const scep: ScepSettings = {
        legacy: false,
        attempts: 20,
        requests: 600,
        proxy: { url, ca: [], issuers },
      }
      return openScepBehind({ scep }, { store, now: Date.now })
    }
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }
    const good = file('good.crt', deviceCa.certificate)
    t.equal(
      open(good, file('next.crt', ca.certificate))?.access.issuer.ca,
      true,
      'the first is told to devices',
    )

    const ended = await issueCertificate({
      ...{ commonName: 'Former CA', use: 'authority', notBefore: Date.now() - 3 * day, days: 2 },
    })
    for (const [name, path, problem] of [
      ['expired', file('ended.crt', ended.certificate), 'has expired'],
      ['no CA', file('device.crt', device.certificate), 'is not the certificate of a CA'],
      ['no certificate', file('key.crt', device.key), 'no certificate can be read from it'],
      ['not there', join(folder, 'absent.crt'), 'no certificate can be read from it'],
    ] as const) {
      const expected = {
        name: 'IssuerUnusable',
        message: `enrollment.scep.proxy.issuers: ${path}: ${problem}`,
      }
      t.match(
        errorOf(() => open(path)),
        expected,
        name,
      )
      t.match(
        errorOf(() => open(good, path)),
        expected,
        `${name}, beside a good one`,
      )
    }
  },
)

function errorOf(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}
