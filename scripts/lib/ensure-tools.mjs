import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'

/** What the tests drive besides the packages: real servers, clients and tools of the operating system. */
const tools = [
  { command: 'chromium', package: 'chromium', what: 'the browser' },
  { command: 'curl', package: 'curl', what: 'the HTTP client' },
  { command: 'openssl', package: 'openssl', what: 'the judge of our certificates' },
  {
    command: 'haproxy',
    package: 'haproxy',
    what: 'the load balancer',
    elsewhere: () => existsSync('/usr/sbin/haproxy'),
  },
  { command: 'certmonger', package: 'certmonger', what: 'a SCEP client that is not ours' },
  { command: 'redis-server', package: 'redis-server', what: 'the shared cache' },
  { command: 'postgres', package: 'postgresql', what: 'the shared record', elsewhere: debiansPostgres },
]

/**
 * Installs what is missing where this user may use apt-get.
 * @returns a message that says what to type, or undefined when everything is there
 */
export function ensureTools() {
  const missing = tools.filter((tool) => !isThere(tool))
  if (missing.length === 0) return undefined
  const packages = missing.map((tool) => tool.package)
  if (process.getuid?.() === 0 && isOnPath('apt-get')) {
    process.stdout.write(`Installing ${packages.join(', ')} (apt-get) …\n`)
    withoutServices(() => {
      aptGet(['update', '-qq'])
      aptGet(['install', '-y', '-qq', '--no-install-recommends', ...packages])
    })
  }
  const still = missing.filter((tool) => !isThere(tool))
  if (still.length === 0) return undefined
  const list = still.map((tool) => `${tool.command} (${tool.what})`).join(', ')
  return `The tests need ${list}. Install with:\n  sudo apt-get install ${still.map((tool) => tool.package).join(' ')}`
}

const policy = '/usr/sbin/policy-rc.d'

/** Debian starts a server that it has installed. The tests start their own; this machine did not ask for one. */
function withoutServices(install) {
  if (existsSync(policy)) return install()
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    install()
  } finally {
    rmSync(policy, { force: true })
  }
}

function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env })
}

function isThere({ command, elsewhere }) {
  return isOnPath(command) || (elsewhere?.() ?? false)
}

/** Debian keeps the server's programs off the PATH, in a folder for each version. */
function debiansPostgres() {
  const folder = '/usr/lib/postgresql'
  if (!existsSync(folder)) return false
  return readdirSync(folder).some((version) => existsSync(`${folder}/${version}/bin/postgres`))
}

function isOnPath(command) {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', command], { stdio: 'ignore' }).status === 0
}
