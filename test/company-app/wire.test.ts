import { connect } from 'node:http2'
import t, { type Test } from 'tap'
import { chatBehindGateway } from '../helpers/chat.ts'
import { appPolicy, companyApp, phoneOf } from '../helpers/company-app.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'

/** A signature is over what the app meant; the gateway has to read the same out of the bytes, whoever writes them. */
async function contacted(t: Test) {
  const app = companyApp(t, 'attempts: { perAddress: 1000, perDevice: 1000 }')
  const { gateway } = await chatBehindGateway(t, { settings: app.section, policy: appPolicy })
  const phone = phoneOf(gateway, app.packageKey)
  const authority = `register.localhost:${gateway.tls}`
  const path = '/.gatehouse/app/register'
  const body = phone.contact()
  const sign = () => phone.signContact(new URL(`https://${authority}${path}`), body)
  /** HTTP/1.1 with the fields as they are given; lines may repeat a name. */
  const send = async (line: string, host: string, fields: readonly (readonly [string, string])[]) => {
    const head = [line, `Host: ${host}`, 'Content-Type: application/json', 'Connection: close']
    const lines = [
      ...head,
      `Content-Length: ${body.length}`,
      ...fields.map(([name, value]) => `${name}: ${value}`),
    ]
    const answer = await rawExchange(gateway.tls, `${lines.join('\r\n')}\r\n\r\n${body}`, {
      tls: { ca: gateway.ca, servername: 'register.localhost' },
    })
    const reason = /"reason":"([^"]+)"/.exec(answer)?.[1]
    return reason ?? answer.slice(9, 12)
  }
  return { gateway, authority, path, body, sign, send }
}

const fieldsOf = (signed: Record<string, string>) => Object.entries(signed)

t.test('forms of one request that mean the same have the same signature', async (t) => {
  const { authority, path, sign, send } = await contacted(t)
  t.equal(await send(`POST ${path} HTTP/1.1`, authority, fieldsOf(sign())), '200')
  const upper = authority.toUpperCase()
  t.equal(await send(`POST ${path} HTTP/1.1`, upper, fieldsOf(sign())), '200', 'letter case of the host')
  const absolute = `POST https://${authority}${path} HTTP/1.1`
  t.equal(await send(absolute, authority, fieldsOf(sign())), '200', 'absolute-form')
  const named = fieldsOf(sign()).map(([name, value]) => [name.toUpperCase(), value] as const)
  t.equal(await send(`POST ${path} HTTP/1.1`, authority, named), '200', 'letter case of names')
  const padded = fieldsOf(sign()).map(([name, value]) => [name, `  ${value}\t `] as const)
  t.equal(await send(`POST ${path} HTTP/1.1`, authority, padded), '200', 'white space around values')
})

t.test('what differs in meaning has another one', async (t) => {
  const { authority, path, sign, send } = await contacted(t)
  const post = `POST ${path} HTTP/1.1`
  t.equal(
    await send(post, 'register.localhost', fieldsOf(sign())),
    'app.signature-invalid',
    'without the port',
  )
  t.equal(
    await send(`POST ${path}? HTTP/1.1`, authority, fieldsOf(sign())),
    'app.secret-in-url',
    'an empty query',
  )
  const escaped = `POST ${path.replace('register', '%72egister')} HTTP/1.1`
  t.equal(await send(escaped, authority, fieldsOf(sign())), 'app.signature-invalid', 'another spelling')
  t.not(await send(`POST ${path.toUpperCase()} HTTP/1.1`, authority, fieldsOf(sign())), '200')
  t.not(await send(`POST ${path}/ HTTP/1.1`, authority, fieldsOf(sign())), '200')
  const signed = sign()
  const twice = [...fieldsOf(signed), ['content-digest', signed['content-digest'] ?? ''] as const]
  t.equal(await send(post, authority, twice), 'http.field-repeated', 'a covered field twice')
  const inputTwice = [...fieldsOf(sign()), ['signature-input', signed['signature-input'] ?? ''] as const]
  t.equal(await send(post, authority, inputTwice), 'http.field-repeated', 'labels twice')
  const both = `sha-512=:AAAA:, ${signed['content-digest']}`
  t.equal(
    await send(post, authority, fieldsOf({ ...sign(), 'content-digest': both })),
    'app.signature-invalid',
    'a further digest',
  )
  const swapped = sign()
  const [app = '', key = ''] = swapped.signature?.split(', ') ?? []
  const exchanged = `${key.replace('key=', 'app=')}, ${app.replace('app=', 'key=')}`
  t.equal(
    await send(post, authority, fieldsOf({ ...swapped, signature: exchanged })),
    'app.signature-invalid',
    'the signatures under each other’s labels',
  )
})

t.test('the order of the two signatures and their labels do not matter', async (t) => {
  const { authority, path, sign, send } = await contacted(t)
  const turned = fieldsOf(sign()).map(([name, value]) => {
    const [first = '', second] = value.split(/, (?=key=)/)
    return [name, second === undefined ? value : `${second}, ${first}`] as const
  })
  t.equal(await send(`POST ${path} HTTP/1.1`, authority, turned), '200')
  const renamed = fieldsOf(sign()).map(
    ([name, value]) => [name, value.replace('app=', 'a.1=').replace('key=', '*b=')] as const,
  )
  t.equal(await send(`POST ${path} HTTP/1.1`, authority, renamed), '200')
})

t.test('HTTP/2 has the same signature', async (t) => {
  const { gateway, authority, path, body, sign } = await contacted(t)
  const session = connect(`https://127.0.0.1:${gateway.tls}`, {
    ca: gateway.ca,
    servername: 'register.localhost',
  })
  t.teardown(() => session.destroy())
  const stream = session.request({
    ':method': 'POST',
    ':authority': authority,
    ':path': path,
    'content-type': 'application/json',
    ...sign(),
  })
  stream.end(body)
  const status = await new Promise((resolve, reject) => {
    stream.on('response', (headers) => resolve(headers[':status']))
    stream.on('error', reject)
  })
  t.equal(status, 200)
})
