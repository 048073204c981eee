/**
 * A directory server as far as a sign-in can tell: LDAP (RFC 4511) with simple binds, searches by equality, and, and presence, StartTLS, and
 * answers as a real one gives them: an empty password is an anonymous bind that succeeds.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createSecureContext, createServer as createTlsServer, TLSSocket } from 'node:tls'

export interface DirectoryEntry {
  readonly dn: string
  readonly password?: string
  readonly attributes: Readonly<Record<string, readonly string[]>>
  /** The result code that every bind at this entry gets, such as 53 for an account that is locked. */
  readonly bindResult?: number
}

export interface DirectoryOptions {
  readonly cert: string
  readonly key: string
  readonly entries: readonly DirectoryEntry[]
  /** Plain until StartTLS, instead of TLS from the beginning. */
  readonly startTls?: boolean
}

export interface SimulatedDirectory {
  /** `ldaps://127.0.0.1:…` or `ldap://…` */
  readonly url: string
  /** What was asked for, such as `bind cn=x` and `search (uid=a)`; passwords that came without TLS are named. */
  readonly asked: string[]
  close(): Promise<void>
}

export async function startDirectory(options: DirectoryOptions): Promise<SimulatedDirectory> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const serve = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    converse(socket, options, asked)
  }
  const server = options.startTls
    ? createServer(serve)
    : createTlsServer({ cert: options.cert, key: options.key }, serve)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `${options.startTls ? 'ldap' : 'ldaps'}://127.0.0.1:${port}`,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

function converse(socket: Socket, options: DirectoryOptions, asked: string[]): void {
  let waiting = Buffer.alloc(0)
  socket.on('error', () => {})
  const onData = (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk])
    for (let next = element(waiting); next !== undefined; next = element(waiting)) {
      waiting = waiting.subarray(next.length)
      const [id, operation] = elements(next.value)
      if (id === undefined || operation === undefined) return void socket.destroy()
      if (operation.tag === 0x77 && options.startTls) {
        socket.off('data', onData)
        socket.write(message(id, tlv(0x78, result(0))))
        const secureContext = createSecureContext({ cert: options.cert, key: options.key })
        return converse(
          new TLSSocket(socket, { isServer: true, secureContext }),
          { ...options, startTls: false },
          asked,
        )
      }
      const answers = answer(operation, options, { asked, plain: options.startTls === true })
      for (const one of answers ?? []) socket.write(message(id, one))
      if (answers === undefined) return void socket.end()
    }
  }
  socket.on('data', onData)
}

interface Element {
  readonly tag: number
  readonly value: Buffer
  /** With its head. */
  readonly length: number
}

/** The first BER element, once it is there as a whole. */
function element(bytes: Buffer): Element | undefined {
  const [tag, first] = bytes
  if (tag === undefined || first === undefined) return undefined
  const more = first < 0x80 ? 0 : first & 0x7f
  if (bytes.length < 2 + more) return undefined
  const length = more === 0 ? first : bytes.readUIntBE(2, more)
  const head = 2 + more
  if (bytes.length < head + length) return undefined
  return { tag, value: bytes.subarray(head, head + length), length: head + length }
}

function elements(bytes: Buffer): Element[] {
  const found: Element[] = []
  for (let rest = bytes, next = element(rest); next !== undefined; next = element(rest)) {
    found.push(next)
    rest = rest.subarray(next.length)
  }
  return found
}

function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  const size = value.length < 0x80 ? [value.length] : [0x82, value.length >> 8, value.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), value])
}

const text = (value: string) => tlv(0x04, Buffer.from(value))

function result(code: number): Buffer {
  return Buffer.concat([tlv(0x0a, Buffer.from([code])), text(''), text('')])
}

function message(id: Element, operation: Buffer): Buffer {
  return tlv(0x30, tlv(0x02, id.value), operation)
}

interface Log {
  readonly asked: string[]
  readonly plain: boolean
}

/** Undefined: the client is leaving. */
function answer({ tag, value }: Element, options: DirectoryOptions, log: Log): Buffer[] | undefined {
  const parts = elements(value)
  if (tag === 0x60) return [tlv(0x61, result(bind(parts, options, log)))]
  if (tag === 0x63) return search(parts, options, log)
  return undefined
}

const [success, invalidCredentials] = [0, 49]

function bind(
  [, name, password]: readonly Element[],
  { entries }: DirectoryOptions,
  { asked, plain }: Log,
): number {
  const dn = name?.value.toString() ?? ''
  const typed = password?.value.toString() ?? ''
  asked.push(`bind ${dn}${plain ? ' in the clear' : ''}`)
  if (typed === '') return success
  const entry = entries.find((one) => one.dn.toLowerCase() === dn.toLowerCase())
  if (entry?.bindResult !== undefined) return entry.bindResult
  return entry?.password === typed ? success : invalidCredentials
}

function search(parts: readonly Element[], { entries }: DirectoryOptions, { asked }: Log): Buffer[] {
  const [base, , , limit, , , filter] = parts
  if (filter === undefined) return [tlv(0x65, result(2))]
  asked.push(`search ${describe(filter)}`)
  const under = base?.value.toString().toLowerCase() ?? ''
  const found = entries.filter((entry) => entry.dn.toLowerCase().endsWith(under) && matches(entry, filter))
  const most = limit?.value.readUIntBE(0, limit.value.length) || found.length
  const shown = found
    .slice(0, most)
    .map(({ dn, attributes }) =>
      tlv(
        0x64,
        text(dn),
        tlv(
          0x30,
          ...Object.entries(attributes).map(([type, values]) =>
            tlv(0x30, text(type), tlv(0x31, ...values.map(text))),
          ),
        ),
      ),
    )
  // More than the client wanted: sizeLimitExceeded, after those.
  return [...shown, tlv(0x65, result(found.length > most ? 4 : success))]
}

function matches(entry: DirectoryEntry, { tag, value }: Element): boolean {
  if (tag === 0xa0) return elements(value).every((one) => matches(entry, one))
  if (tag === 0x87) return valuesOf(entry, value.toString()).length > 0
  const [type, wanted] = elements(value)
  if (tag !== 0xa3 || type === undefined || wanted === undefined) return false
  const text = wanted.value.toString().toLowerCase()
  return valuesOf(entry, type.value.toString()).some((one) => one.toLowerCase() === text)
}

function valuesOf({ attributes }: DirectoryEntry, name: string): readonly string[] {
  return Object.entries(attributes).find(([type]) => type.toLowerCase() === name.toLowerCase())?.[1] ?? []
}

function describe({ tag, value }: Element): string {
  if (tag === 0xa0) return `(&${elements(value).map(describe).join('')})`
  if (tag === 0x87) return `(${value.toString()}=*)`
  return `(${elements(value)
    .map((one) => one.value.toString())
    .join('=')})`
}
