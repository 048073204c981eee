import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import t from 'tap'
import { certificateUser } from '../../src/clients/certificate-key.ts'
import type { RequestHead } from '../../src/domain/request-head.ts'
import type { Authority } from '../../src/enrollment/ca/authority.ts'
import { buildCertificate, extensions, nameOf } from '../../src/enrollment/ca/build-certificate.ts'
import { certificateOf, issueCertificate } from '../../src/enrollment/ca/issue.ts'
import { describeCertificate } from '../../src/gateway/listener/client-certificate.ts'

const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const publicKeyInfo = createPublicKey(key).export({ type: 'spki', format: 'der' })
const at = Date.now()

function authority(): Authority {
  const name = nameOf({ commonName: 'CA' })
  const days = { notBefore: at - 1000, notAfter: at + 1_000_000 }
  const facts = { serial: Buffer.from([1]), issuer: name, subject: name, publicKeyInfo, ...days }
  const der = buildCertificate({ ...facts, extensions: [extensions.authority()] }, key)
  return { id: 'ca_test', certificate: new X509Certificate(der), key, chain: [] }
}

t.test(
  'the user of a device’s certificate is who enrolled it, whatever its device calls itself',
  async (t) => {
    const ca = authority()
    const users = [
      'anna',
      'o’neil',
      "o'neil",
      'doe, anna',
      'corp\\anna',
      'anna@example.com',
      'an"na',
      'müller',
    ]
    for (const user of [...users, 'x, othername:upn:bob', "x', email:bob", "o'neil, upn:bob"]) {
      const facts = {
        publicKeyInfo,
        purpose: 'device',
        organisation: 'Example',
        validity: 1_000_000,
        at,
      } as const
      const issued = issueCertificate({ ...facts, enrollment: 'bob', user }, ca)
      const clientCertificate = describeCertificate(certificateOf(issued))
      t.equal(clientCertificate.commonName, 'bob')
      // The one part of a head that is read.
      const head = { connection: { clientCertificate } } as unknown as RequestHead
      t.equal(certificateUser(head), user)
    }
  },
)
