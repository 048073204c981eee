import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../helpers/certificates.ts'
import { wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { run } from '../helpers/run.ts'
import {
  conditions,
  counts,
  isAlive,
  isUnwell,
  isWell,
  knownDevice,
  load,
  messages,
  otherLines,
  site,
  stranger,
} from './support.ts'

const gatehouse = new URL('../../bin/gatehouse', import.meta.url).pathname

/** A disk of four megabytes in a mount namespace of the gateway's own. */
function smallDisk(folder: string): readonly string[] {
  const script = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'
  return ['unshare', '--mount', '--map-root-user', 'sh', '-c', script, folder]
}

/** To the last byte. @returns makes room again */
function fill(folder: string): () => void {
  const name = join(folder, 'somebody-else')
  const file = openSync(name, 'w')
  for (const size of [65_536, 4_096, 1]) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size))
    } catch {
      // ENOSPC, which is what is wanted.
    }
  }
  closeSync(file)
  return () => rmSync(name)
}

t.test(
  'the disk is full: known devices go on, nobody is told of a registration, and room alone mends it',
  async (t) => {
    const disk = join(temporaryFolder(t), 'disk')
    mkdirSync(disk)
    const one = await site(t, {
      postgres: false,
      store: `sqlite:${disk}/record.db`,
      within: smallDisk(disk),
      limits: 'recordTimeout: 20s, recordWriteTimeout: 20s',
    })
    const { first } = one
    const cookie = await knownDevice(one)
    const seen = `/proc/${first.child.pid}/root${disk}`
    const inside = (...args: readonly string[]) =>
      run(
        t,
        ['nsenter', '-t', String(first.child.pid), '-m', '-U', '--preserve-credentials', gatehouse, ...args],
        {
          env: { GATEHOUSE_CONFIG: one.installation.settingsFile },
        },
      )
    const before = conditions(first, 'record').length
    const noise = otherLines(first).length

    const told: string[] = []
    let registering = true
    const going = Array.from({ length: 4 }, async () => {
      while (registering) {
        const { status, cookies, headers } = await first.signIn(wifi, { user: 'bob' })
        if (status === 302) told.push(cookies.join('; '))
        else if (status !== 503 || headers['retry-after'] === undefined || cookies.length > 0)
          t.fail(`answered ${status}`)
      }
    })
    await eventually(() => told.length > 4)
    const makeRoom = fill(seen)
    await isUnwell(first, 'record')
    t.match(await first.ready(), { status: 200, parts: { record: { detail: /nobody can register.*full/ } } })
    t.ok(await isAlive(first))
    await eventually(async () => (await first.metric('gatehouse_record_writable')) === 0)
    t.strictSame(counts(await load(() => messages(first, cookie), { clients: 4, each: 20 })), { 200: 80 })
    t.strictSame(counts(await load(() => messages(first, stranger), { clients: 4, each: 20 })), { 403: 80 })
    t.equal((await first.signIn(wifi, { user: 'carol' })).status, 503)

    makeRoom()
    await isWell(first, 'record')
    const sofar = told.length
    await eventually(() => told.length > sofar + 4)
    registering = false
    await Promise.all(going)
    for (const one of told) t.equal((await messages(first, one)).status, 200, 'who was told is in')
    const listed = await inside('device', 'list', '--user', 'bob', '--limit', '1000', '--json')
    t.equal(JSON.parse(listed.stdout).devices.length, told.length, 'and nobody else')
    t.equal((await inside('audit', '--verify')).code, 0)
    await eventually(() => conditions(first, 'record').at(-1) === '+record')
    t.strictSame(
      conditions(first, 'record').slice(before),
      ['-record', '+record'],
      'one line for each change',
    )
    t.strictSame(otherLines(first).slice(noise), [], 'and no other')
  },
)
