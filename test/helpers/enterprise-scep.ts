import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import type { CertificateAndKey } from '../../sim/certificates.ts'
import type { Authority } from '../../src/enrollment/ca/authority.ts'
import { certificateOf, issueCertificate } from '../../src/enrollment/ca/issue.ts'
import { messageOf, operationOf } from '../../src/enrollment/scep/http.ts'
import { openContent, readEnvelope, readRequest } from '../../src/enrollment/scep/message.ts'
import { successReply } from '../../src/enrollment/scep/reply.ts'

export interface EnterpriseScep {
  readonly url: string
  readonly authority: X509Certificate
  /** One challenge password for all, as such servers have it. */
  readonly challenge: string
  /** Requests of the operation PKIOperation that it has seen. */
  readonly asked: string[]
  /** Issues by another way, to somebody who is no device of ours. */
  issue(commonName: string, key: KeyObject): X509Certificate
  /** Milliseconds. */
  validity: number
}

/** A SCEP server of an enterprise: its CA issues whatever name is asked for, to whoever knows the password. */
export async function enterpriseScep(t: Test, ca: CertificateAndKey): Promise<EnterpriseScep> {
  const authority: Authority = {
    id: 'enterprise',
    certificate: new X509Certificate(ca.certificate),
    key: createPrivateKey(ca.key),
    chain: [],
  }
  const sign = (publicKeyInfo: Buffer, enrollment: string) =>
    certificateOf(
      issueCertificate(
        {
          ...{ publicKeyInfo, enrollment, purpose: 'device', organisation: 'Enterprise' },
          ...{ validity: scep.validity, at: Date.now() },
        },
        authority,
      ),
    )
  const answer = (query: string, method: string, body: Buffer): readonly [string, Buffer] => {
    const request = { method, query, body, source: 'gatehouse' }
    switch (operationOf(request)) {
      case 'GetCACaps':
        return ['text/plain', Buffer.from('AES\nSHA-256\nPOSTPKIOperation')]
      case 'GetCACert':
        return ['application/x-x509-ca-cert', authority.certificate.raw]
      default: {
        const envelope = readEnvelope(messageOf(request))
        scep.asked.push(envelope.transaction)
        const opened = openContent(envelope, [authority], { legacy: false })
        const { publicKeyInfo, commonName = '', challenge } = readRequest(opened)
        if (challenge !== scep.challenge) throw new Error('wrong challenge password')
        const certificates = [sign(publicKeyInfo, commonName)]
        const reply = { to: envelope, from: authority, at: Date.now() }
        return ['application/x-pki-message', successReply(reply, { certificates, cipher: opened.cipher })]
      }
    }
  }
  const server = createServer((request, response) => {
    void (async () => {
      const [, query = ''] = (request.url ?? '').split('?')
      try {
        const [type, body] = answer(query, request.method ?? '', await buffer(request))
        response.writeHead(200, { 'content-type': type }).end(body)
      } catch {
        response.writeHead(403).end()
      }
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const scep: EnterpriseScep = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/certsrv/mscep/mscep.dll`,
    authority: authority.certificate,
    challenge: 'the password of the enterprise',
    asked: [],
    validity: 30 * 86_400_000,
    issue: (commonName, key) => sign(publicKeyInfoOf(key), commonName),
  }
  return scep
}

function publicKeyInfoOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' })
}
