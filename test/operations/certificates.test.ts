import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import WebSocket from 'ws'
import { makeCertificates } from '../../sim/certificate-files.ts'
import { temporaryFolder } from '../helpers/certificates.ts'
import { chatBehindGateway, internet, signIn, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import type { GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { readiness } from './support.ts'

/** The serial number of the certificate that a new connection gets. */
async function servedCertificate(gateway: GatewayUnderTest): Promise<string> {
  const socket: TLSSocket = connect({
    ...{ host: '127.0.0.1', port: gateway.tls, servername: 'chat.localhost' },
    // It is the certificate itself that the test looks at.
    rejectUnauthorized: false,
  })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

t.test(
  'a new certificate is served once its files have changed, and no open connection notices',
  async (t) => {
    const { gateway } = await chatBehindGateway(t)
    const files = gateway.certificateFiles
    const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
    const socket = new WebSocket(`wss://127.0.0.1:${gateway.tls}/ws`, {
      ca: gateway.ca,
      localAddress: internet,
      // node:tls's; the types of ws do not know that it is passed on.
      ...({ servername: 'chat.localhost' } as object),
      headers: { cookie, host: `chat.localhost:${gateway.tls}` },
    })
    socket.on('error', () => {})
    await once(socket, 'open')
    const before = await servedCertificate(gateway)

    const renewed = (await makeCertificates(Date.now())).gateway
    writeFileSync(files.cert, renewed.certificate)
    writeFileSync(files.key, renewed.key)
    const expected = new X509Certificate(renewed.certificate).serialNumber
    t.not(expected, before)
    await eventually(async () => (await servedCertificate(gateway)) === expected)
    socket.ping()
    await once(socket, 'pong')
    socket.terminate()
  },
)

t.test(
  'a certificate whose key does not fit is not taken: the old one stays, and readiness says so',
  async (t) => {
    const { gateway } = await chatBehindGateway(t)
    const files = gateway.certificateFiles
    const kept = temporaryFolder(t)
    copyFileSync(files.cert, join(kept, 'cert'))
    const before = await servedCertificate(gateway)
    const other = (await makeCertificates(Date.now())).gateway
    for (const wrong of [other.certificate, 'no certificate', '']) {
      writeFileSync(files.cert, wrong)
      await gateway.running.reload()
      t.equal(await servedCertificate(gateway), before)
      const { status, parts } = await readiness(gateway.running.management)
      t.equal(status, 200)
      t.match(parts.certificates, { ok: false, detail: /gateway\.(crt|key)/ })
    }
    copyFileSync(join(kept, 'cert'), files.cert)
    await gateway.running.reload()
    t.match((await readiness(gateway.running.management)).parts.certificates, { ok: true })
  },
)
