import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

export interface Running {
  readonly process: ChildProcess
  stop(): Promise<void>
}

export function start(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Running {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options })
  return {
    process: child,
    async stop() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}

export async function firstLine({ process }: Running): Promise<string> {
  if (process.stdout === null) throw new Error('the process has no standard output')
  for await (const line of createInterface({ input: process.stdout })) return line
  throw new Error('the process ended without a word')
}

/** Waits until something accepts connections on the port. */
export async function listening(port: number, attempts = 1000): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const socket = connect(port, '127.0.0.1')
    const connected = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (connected) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`nothing listens on port ${port}`)
}

/** User and system seconds that a process and its children have used. */
export function cpuSeconds(pid: number): number {
  return descendants(pid).reduce((sum, process) => sum + ownCpuSeconds(process), 0)
}

/** In nanoseconds, for each of its threads: the ticks of `stat` are too coarse for short turns. */
function ownCpuSeconds(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + threadSeconds(pid, thread), 0)
}

function threadSeconds(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9
  } catch {
    return 0 // it has just ended
  }
}

function descendants(pid: number): number[] {
  return [pid, ...childrenOf(pid)]
}

/** Its children, theirs, and so on. */
export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return children
    .split(' ')
    .filter(Boolean)
    .flatMap((child) => descendants(Number(child)))
}

export function isInstalled(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
