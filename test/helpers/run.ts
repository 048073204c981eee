/**
 * The tests' verbs. They start real things (processes, servers, browsers) on free ports of 127.0.0.0/8 and end them
 * with the test, so that a test says what it does and not how.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
}

export interface RunResult {
  /** Exit code; 128 when a signal ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. A test that ends before it does, ends it. */
export async function run(
  t: Test,
  command: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<RunResult> {
  const [file, ...args] = command
  const env = { ...process.env, ...options.env }
  const child = spawn(file, args, { stdio: 'pipe', env, ...(options.cwd && { cwd: options.cwd }) })
  t.teardown(() => child.kill('SIGKILL'))
  child.stdin.on('error', () => {}) // a program that ends without reading its input
  child.stdin.end(options.input)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code: code ?? 128, stdout, stderr }
}
