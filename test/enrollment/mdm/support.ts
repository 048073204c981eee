import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { IssuedCertificate } from '../../../src/domain/issued-certificate.ts'
import { createMdm } from '../../../src/enrollment/mdm/handle.ts'
import { fingerprintOf, identitiesOf, pinnedIdentity } from '../../../src/enrollment/mdm/identities.ts'
import type { MdmDependencies, MdmNote } from '../../../src/enrollment/mdm/mdm.ts'
import { mdmMount } from '../../../src/enrollment/mdm/mount.ts'
import { startListener } from '../../../src/enrollment/web/listener.ts'
import type { Visit } from '../../../src/enrollment/web/visit.ts'
import { readPlistDict } from '../../../src/lib/plist/read.ts'
import { isPlistDict, type PlistDict } from '../../../src/lib/plist/values.ts'
import { writePlist } from '../../../src/lib/plist/write.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { RecordUnavailable } from '../../../src/store/errors.ts'
import type { Store } from '../../../src/store/ports.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { defaultLimits } from '../../helpers/limits.ts'
import { type Openssl, openssl, selfSigned } from '../../helpers/openssl.ts'

export const start = Date.parse('2026-06-01T12:00:00Z')
export const topic = 'com.apple.mgmt.External.0000'

export interface MdmUnderTest {
  readonly store: Store
  readonly clock: { now: number }
  /** What the log would hold, newest last. */
  readonly notes: MdmNote[]
  /** Turned on: every call of the record fails. */
  readonly failing: { record: boolean }
  /** A device with an identity that our CA has issued. */
  device(udid: string, changes?: Partial<IssuedCertificate>): Promise<Device>
}

export interface Reply {
  readonly status: number
  readonly type: string | undefined
  readonly body: Buffer
  /** The command that it holds. */
  readonly command: { readonly uuid: string; readonly dict: PlistDict } | undefined
}

export interface Device {
  readonly udid: string
  readonly fingerprint: string
  checkIn(type: string, keys?: PlistDict): Promise<Reply>
  report(status: string, keys?: PlistDict): Promise<Reply>
  /** Authenticate and TokenUpdate. */
  enroll(keys?: PlistDict): Promise<void>
  /** Anything at all; signed unless said otherwise. */
  send(body: Buffer, options?: { readonly type?: string; readonly signature?: string | null }): Promise<Reply>
  sign(body: Buffer): string
}

/** The protocol over real HTTP and a real record; devices whose signatures are OpenSSL's. */
export async function mdmUnderTest(t: Test, changes: Partial<MdmDependencies> = {}): Promise<MdmUnderTest> {
  const clock = { now: start }
  const failing = { record: false }
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: () => clock.now })
  const notes: MdmNote[] = []
  const record = failingRecord(store, failing)
  const handle = createMdm({
    record,
    identities: identitiesOf(record),
    topic: () => topic,
    sha1: false,
    ...changes,
  })
  const mount = mdmMount(handle, (_visit, note) => notes.push(note))
  const listener = await startListener({
    settings: { listen: { scheme: 'http', host: '127.0.0.1', port: 0 }, trustedProxies: [] },
    limits: defaultLimits,
    random: systemRandom(),
    now: () => clock.now,
    answer: async (visit: Visit) => (await mount(visit)) ?? { status: 404, headers: [], body: '' },
    onAnswered() {},
  } as unknown as Parameters<typeof startListener>[0]) // the parts of its settings that it looks at
  t.teardown(async () => {
    await listener.close()
    await store.close()
  })
  const tool = openssl(t)
  return {
    ...{ store, clock, notes, failing },
    device: (udid, issued = {}) => makeDevice({ tool, store, url: listener.url, udid, issued }),
  }
}

function failingRecord(store: Store, failing: { readonly record: boolean }): Store {
  const wrap = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name, receiver) {
        const value: unknown = Reflect.get(target, name, receiver)
        if (typeof value !== 'function') return value
        return (...parameters: unknown[]) => {
          if (failing.record) return Promise.reject(new RecordUnavailable('busy', 'the record is away'))
          return value.apply(target, parameters)
        }
      },
    })
  return {
    ...store,
    enrollments: wrap(store.enrollments),
    mdmCommands: wrap(store.mdmCommands),
    pushOutbox: wrap(store.pushOutbox),
    certificates: wrap(store.certificates),
  }
}

let count = 0

interface Made {
  readonly tool: Openssl
  readonly store: Store
  readonly url: string
  readonly udid: string
  readonly issued: Partial<IssuedCertificate>
}

async function makeDevice({ tool, store, url, udid, issued }: Made): Promise<Device> {
  const name = `device${++count}`
  selfSigned(tool, name, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256')
  const certificate = new X509Certificate(readFileSync(join(tool.folder, `${name}.crt`)))
  const pinned = pinnedIdentity(certificate)
  await store.certificates.issue(
    {
      ...{ serial: certificate.serialNumber, authority: 'ca_1', purpose: 'device' },
      ...{ fingerprint: pinned.certificate, publicKey: pinned.publicKey, enrollment: udid, user: 'ann' },
      certificate: certificate.raw.toString('base64'),
      ...{ notBefore: start - 1, notAfter: start + 86_400_000, issuedAt: start },
      ...issued,
    },
    { name: 'scep', at: start },
  )
  const sign = (body: Buffer) => {
    tool.file(`${name}.body`, body)
    const signed = tool.run(
      ...['cms', '-sign', '-binary', '-md', 'sha256', '-in', `${name}.body`, '-outform', 'DER'],
      ...['-signer', `${name}.crt`, '-inkey', `${name}.key`],
    )
    return signed.toString('base64')
  }
  const send: Device['send'] = async (body, { type, signature } = {}) =>
    put(`${url}/mdm/command`, body, {
      ...(type !== '' && { 'content-type': type ?? 'application/x-apple-aspen-mdm' }),
      ...(signature !== null && { 'mdm-signature': signature ?? sign(body) }),
    })
  const checkIn: Device['checkIn'] = (type, keys = {}) =>
    send(writePlist({ MessageType: type, UDID: udid, ...keys }), {
      type: 'application/x-apple-aspen-mdm-checkin; charset=UTF-8',
    })
  return {
    ...{ udid, fingerprint: fingerprintOf(certificate), sign, send, checkIn },
    report: (status, keys = {}) => send(writePlist({ Status: status, UDID: udid, ...keys })),
    async enroll(keys = {}) {
      const about = { Topic: topic, OSVersion: '18.1', ProductName: 'iPhone15,2', SerialNumber: `SN${udid}` }
      const begun = await checkIn('Authenticate', { ...about, ...keys })
      if (begun.status !== 200) throw new Error(`Authenticate: ${begun.status} ${begun.body}`)
      const done = await checkIn('TokenUpdate', token())
      if (done.status !== 200) throw new Error(`TokenUpdate: ${done.status} ${done.body}`)
    },
  }
}

export function token(keys: PlistDict = {}): PlistDict {
  return { Topic: topic, Token: Buffer.alloc(32, 1), PushMagic: 'magic', ...keys }
}

export function put(url: string, body: Buffer, headers: Record<string, string>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method: 'PUT', headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const content = Buffer.concat(chunks)
        const type = response.headers['content-type']
        resolve({ status: response.statusCode ?? 0, type, body: content, command: commandOf(type, content) })
      })
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function commandOf(type: string | undefined, body: Buffer): Reply['command'] {
  if (!type?.startsWith('application/xml')) return undefined
  const dict = readPlistDict(body)
  const { CommandUUID: uuid, Command: command } = dict
  return typeof uuid === 'string' && isPlistDict(command) ? { uuid, dict: command } : undefined
}

/** Queues a command as an administrator does. */
export async function enqueue(
  store: Store,
  enrollment: string,
  command: PlistDict & { readonly RequestType: string },
  uuid: string,
): Promise<string> {
  return store.mdmCommands.enqueue(
    { uuid, enrollment, requestType: command.RequestType, payload: writePlist(command) },
    { name: 'root', why: 'test', at: start },
  )
}
