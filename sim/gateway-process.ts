import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Address } from './ports.ts'

export interface GatewayProcessOptions {
  /** The clone. */
  readonly root: string
  readonly settingsFile: string
  /** What the gateway writes to standard output goes to the end of this file. */
  readonly log: string
  /** Where it tells whether it is ready. */
  readonly management: Address
}

export interface GatewayProcess {
  /** `ended` when it ends without having become ready. */
  readonly ready: Promise<'ready' | 'ended'>
  readonly exited: Promise<unknown>
  /** Ends it, gently at first. @returns its exit code */
  stop(): Promise<number>
}

/** How long the gateway may take to let requests end, before it is told a second time, and to be gone after that. */
const patience = 5_000

/** Starts `bin/gatehouse run`, as a service manager would. */
export function startGatewayProcess(options: GatewayProcessOptions): GatewayProcess {
  const { root, settingsFile, log, management } = options
  const output = openSync(log, 'a', 0o600)
  const child = spawn(join(root, 'bin/gatehouse'), ['run', '--config', settingsFile], {
    stdio: ['ignore', output, 'inherit'],
    // A group of its own: Ctrl-C in the terminal would reach it there and then, and ours a moment later as a second one.
    detached: true,
  })
  closeSync(output)
  const exited = once(child, 'exit')
  // Where we end without having been asked to, it must not stay behind.
  const endWithUs = () => child.kill('SIGKILL')
  process.on('exit', endWithUs)
  exited.finally(() => process.off('exit', endWithUs)).catch(() => {})
  return { ready: untilReady(child, management), exited, stop: () => stop(child, exited) }
}

async function untilReady(child: ChildProcess, { host, port }: Address): Promise<'ready' | 'ended'> {
  while (isRunning(child)) {
    const answer = await fetch(`http://${host}:${port}/readyz`).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok === true) return 'ready'
    await delay(25)
  }
  return 'ended'
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<number> {
  for (const signal of ['SIGTERM', 'SIGTERM', 'SIGKILL'] as const) {
    if (!isRunning(child)) break
    child.kill(signal)
    await Promise.race([exited, delay(patience, undefined, { ref: false })])
  }
  // 143: it was told a second time and cut what was still open, which is what was wanted.
  return child.exitCode === 143 ? 0 : (child.exitCode ?? 1)
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}
