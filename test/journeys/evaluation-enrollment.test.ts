import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../helpers/certificates.ts'
import { eventually } from '../helpers/eventually.ts'
import { run } from '../helpers/run.ts'

const root = join(import.meta.dirname, '../..')

/** A clone on which nothing has been started yet; only its ports are others. */
async function clone(t: Test): Promise<string> {
  const folder = temporaryFolder(t)
  for (const part of ['src', 'sim', 'bin', 'scripts', 'config', 'package.json', 'package-lock.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const settings = join(folder, 'config/gatehouse.yaml')
  const first = await freePorts(10)
  const ports = ['8443', '8444', '8445', '9001', '9002', '9003', '9011', '9012', '9021', '9022']
  const text = ports.reduce(
    (text, port, index) =>
      text.replaceAll(new RegExp(`(127\\.0\\.0\\.1|localhost):${port}`, 'g'), `$1:${first + index}`),
    readFileSync(settings, 'utf8'),
  )
  writeFileSync(settings, text)
  return folder
}

/** So many free ports in a row, below those that the system gives to others. @returns the first */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 12_000 + Math.floor(Math.random() * 18_000)
    const ports = Array.from({ length: count }, (_, index) => first + index)
    const free = await Promise.all(ports.map(isFree))
    if (free.every(Boolean)) return first
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  const outcome = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  server.close()
  return outcome
}

/** A program that goes on, and what it has printed so far. */
class Running {
  readonly child: ChildProcess
  readonly lines: string[] = []
  readonly exited: Promise<readonly (number | string | null)[]>

  constructor(t: Test, [file, ...args]: readonly [string, ...string[]], cwd: string) {
    this.child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    this.exited = once(this.child, 'exit')
    for (const stream of [this.child.stdout, this.child.stderr])
      createInterface({ input: stream! }).on('line', (line) => this.lines.push(line))
    t.teardown(async () => {
      if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM')
      await this.exited
    })
  }

  /** The first line that matches, once it is there. */
  line(pattern: RegExp): Promise<string> {
    return eventually(() => this.lines.find((line) => pattern.test(line)))
  }

  async end(signal: NodeJS.Signals): Promise<number | string | null | undefined> {
    this.child.kill(signal)
    return (await this.exited)[0]
  }
}

/** The line of the README that plays a phone. */
function documented(): string {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  return /^bin\/gatehouse enroll simulate .*$/m.exec(readme)?.[0] ?? 'not documented'
}

t.test(
  'as the README says: a phone enrolls at `npm start`, is let in, is locked, leaves and is shut out',
  async (t) => {
    const folder = await clone(t)
    const start = new Running(t, [process.execPath, 'scripts/start.mjs'], folder)
    await start.line(/Ctrl-C stops everything/)
    t.match(start.lines.join('\n'), documented(), 'the start prints the same line')

    // `exec` gives the phone the shell's place, and with it the signal that Ctrl-C would send to both.
    const phone = new Running(t, ['/bin/sh', '-c', `exec ${documented()}`], folder)
    t.match(await phone.line(/^Enrolled/), /over the air, with a certificate by SCEP/)
    t.match(await phone.line(/^The gateway .*GET/), /GET https:\/\/chat\.localhost:\d+\/ → 200$/)
    await phone.line(/^ {2}DeviceInformation +Acknowledged/)
    const list = await run(t, ['bin/gatehouse', 'enroll', 'list'], { cwd: folder })
    t.match(list.stdout, /SIM[0-9A-F]{8} +bob +iPhone +18\.1 +enrolled/)

    const lock = (await phone.line(/device command/)).trim()
    t.match(await run(t, ['/bin/sh', '-c', lock], { cwd: folder }), { code: 0, stdout: /is being woken/ })
    t.match(await phone.line(/^ {2}DeviceLock/), /Acknowledged/)

    const log = () => readFileSync(join(folder, 'data/gatehouse.log'), 'utf8')
    t.notMatch(log(), /"level":"(warn|error|fatal)"/, 'nothing to stumble over')
    for (const file of readdirSync(join(folder, 'data/ca')))
      t.equal(statSync(join(folder, 'data/ca', file)).mode & 0o777, 0o600, file)

    t.equal(await phone.end('SIGINT'), 0)
    // Whichever of the two that its end has brought the gateway has heard of first.
    t.match(phone.lines.at(-1), /^The gateway .*→ 403 (certificate\.revoked|device\.blocked)/)
    const gone = await run(t, ['bin/gatehouse', 'enroll', 'list', '--json'], { cwd: folder })
    t.match(JSON.parse(gone.stdout), { enrollments: [{ user: 'bob', state: 'gone' }] })
    const again = await run(t, ['/bin/sh', '-c', documented().replace(/"\$.*"/, 'AAAA-BBBB-CCCC')], {
      cwd: folder,
    })
    t.equal(again.code, 1)
    t.match(
      again.stderr,
      /^gatehouse: signing in at https:\/\/mdm\.localhost:\d+: 403 This code is not valid\. .*\n$/,
    )

    t.equal(await start.end('SIGTERM'), 0)
    t.match(start.lines.at(-1), 'Stopped.')
    const late = await run(t, ['/bin/sh', '-c', documented()], { cwd: folder })
    t.equal(late.code, 1)
    t.match(
      late.stderr,
      /gatehouse: waiting for pushes at http:\/\/127\.0\.0\.1:\d+: nothing listens there; is `npm start` running\?\n$/,
    )
  },
)
