import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { ensureInstalled, InstallError, root } from './ensure-installed.mjs'

/**
 * Installs what is missing, then runs a file of the clone under the pinned Node in place of this process: signals
 * are passed on, and its exit status becomes ours.
 * @param {string} file relative to the clone
 * @param {readonly string[]} args
 */
export function runUnderPinnedNode(file, args) {
  const node = installedNode()
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', file, ...args], {
    cwd: root,
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => fail(`${node} could not be started: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

/** The pinned Node, or the end of this process with the reason on standard error. */
export function installedNode() {
  try {
    return ensureInstalled()
  } catch (error) {
    if (error instanceof InstallError) fail(error.message)
    throw error
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
