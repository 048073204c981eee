import { once } from 'node:events'
import { connect } from 'node:tls'
import t from 'tap'
import { enrollmentHost, enrollmentUnderTest } from '../helpers/enrollment.ts'

t.test('whom a proxy names with a port, or not by an address, is not somebody new each time', async (t) => {
  const { browser, store, code } = await enrollmentUnderTest(t, {
    enrollment: 'trustedProxies: ["127.0.0.1/32"]\nsignIn: { attempts: 1 }',
  })
  const source = async (forwarded: string) => {
    const visitor = browser()
    visitor.forwarded = forwarded
    const { status } = await visitor.submit(await visitor.get('/enroll'), '/enroll/code', {
      code: await code(),
    })
    return status === 303 ? (await store.audit.list({ limit: 50 })).at(-1)?.details?.source : status
  }
  t.equal(await source('203.0.113.7'), '203.0.113.7')
  t.equal(await source('203.0.113.7:4711'), '203.0.113.7')
  t.equal(await source('[2001:db8::7]:4711'), '2001:db8::7')
  t.equal(await source('2001:DB8:0::7'), '2001:db8::7')
  t.equal(await source('::ffff:203.0.113.8'), '203.0.113.8')
  t.equal(await source('198.51.100.1, 203.0.113.9'), '203.0.113.9', 'what the client wrote is on the left')
  t.equal(await source('unknown'), '127.0.0.1')
  const visitor = browser()
  const page = await visitor.get('/enroll')
  const statuses = []
  for (let port = 1000; port < 1022; port++) {
    visitor.forwarded = `203.0.113.50:${port}`
    statuses.push((await visitor.submit(page, '/enroll/code', { code: 'WRONG' })).status)
  }
  t.equal(statuses.at(-1), 429)
})

t.test('a connection that says little, slowly, is not kept', async (t) => {
  const { port, ca } = await enrollmentUnderTest(t)
  const socket = connect({ host: '127.0.0.1', port, ca, servername: enrollmentHost })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.write(`GET /enroll HTTP/1.1\r\nHost: ${enrollmentHost}\r\n`)
  const drip = setInterval(() => socket.write('X-A: b\r\n'), 1000)
  t.teardown(() => clearInterval(drip))
  await once(socket, 'close')
  t.match(answer, /^HTTP\/1\.1 408 /)
})

t.test('there is no TLS without forward secrecy', async (t) => {
  const { port, ca } = await enrollmentUnderTest(t)
  for (const ciphers of ['AES128-GCM-SHA256', 'ECDHE-RSA-AES128-SHA256', 'DHE-RSA-AES128-GCM-SHA256']) {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca,
      servername: enrollmentHost,
      ciphers,
      maxVersion: 'TLSv1.2',
    })
    const [error] = (await once(socket, 'error')) as [Error]
    t.match(error.message, /handshake failure|alert/, ciphers)
  }
})
