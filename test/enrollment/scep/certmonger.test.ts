import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { certificateRequest, scepRequest, temporaryIdentity } from '../../../sim/scep-client.ts'
import { openssl } from '../../helpers/openssl.ts'
import { run } from '../../helpers/run.ts'
import { rsaKey, type ScepServer, scepServer } from '../../helpers/scep.ts'

const helper = '/usr/lib/certmonger/scep-submit'

/** The server behind a real socket. @returns its address */
async function listening(t: Test, { handle }: ScepServer): Promise<string> {
  const server = createServer((request, response) => {
    void (async () => {
      const query = request.url?.split('?')[1] ?? ''
      const answer = await handle({
        method: request.method ?? '',
        query,
        body: await buffer(request),
        source: '127.0.0.1',
      })
      response.writeHead(answer.status, answer.headers.flat())
      response.end(answer.body)
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/scep`
}

function pem(label: string, der: Buffer): string {
  return `-----BEGIN ${label}-----\n${der.toString('base64').replaceAll(/(.{64})(?=.)/g, '$1\n')}\n-----END ${label}-----\n`
}

t.test('certmonger’s SCEP helper reads what the server can do and its CA', async (t) => {
  const server = await scepServer(t)
  const url = await listening(t, server)
  const caps = await run(t, [helper, '-u', url, '-c'])
  t.match(caps, { code: 0, stdout: /AES\n.*SHA-256/s })
  const tool = openssl(t)
  const ca = tool.file('ca.pem', server.service.issuing.certificate.toString())
  // It takes a single certificate for an RA without a CA, unless it is told of the CA (apple-mdm-protocol: -N).
  const certificates = await run(t, [helper, '-u', url, '-C', '-N', ca])
  t.equal(certificates.code, 0, certificates.stderr)
  t.ok(certificates.stdout.includes(server.service.issuing.certificate.toString().trim()))
})

t.test('certmonger’s SCEP helper takes our answers, and OpenSSL finds the certificate in them', async (t) => {
  const server = await scepServer(t)
  const url = await listening(t, server)
  const tool = openssl(t)
  const { certificate } = server.service.issuing
  const ca = tool.file('ca.pem', certificate.toString())
  const key = rsaKey()
  tool.file('device.key', key.export({ type: 'pkcs8', format: 'pem' }))
  const signer = temporaryIdentity(key, server.clock.now)
  tool.file('signer.crt', signer.certificate.toString())
  const submit = async (challenge: string) => {
    const content = certificateRequest({ key, commonName: 'UDID-1', challenge })
    const message = scepRequest({
      ca: certificate,
      signer,
      content,
      transaction: '7'.repeat(78),
      at: server.clock.now,
    })
    const file = tool.file('message.pem', pem('PKCS7', message))
    return run(t, [helper, '-u', url, '-r', ca, '-N', ca, '-p', file])
  }
  const taken = await submit(await server.challenge('UDID-1'))
  t.equal(taken.code, 0, taken.stdout + taken.stderr)
  tool.file('answer.pem', taken.stdout)
  const list = tool.run(
    'cms',
    '-decrypt',
    '-inform',
    'PEM',
    '-in',
    'answer.pem',
    '-recip',
    'signer.crt',
    '-inkey',
    'device.key',
  )
  tool.file('list.der', list)
  tool.run('pkcs7', '-inform', 'DER', '-in', 'list.der', '-print_certs', '-out', 'issued.pem')
  t.match(tool.run('x509', '-in', 'issued.pem', '-noout', '-subject').toString(), 'CN = UDID-1')
  t.match(tool.run('verify', '-CAfile', 'ca.pem', 'issued.pem').toString(), 'OK')
  const refused = await submit('guessed')
  t.not(refused.code, 0)
  // Its OpenSSL calls an answer without content unverified; RFC 8894 (3.2.2) wants a refusal to have none.
  t.match(server.decided.at(-1), { outcome: 'refused', detail: 'The challenge is not valid' })
})
