import { spawnSync } from 'node:child_process'

/** What the tests drive besides the packages: real clients and tools of the operating system. */
const tools = [
  { command: 'chromium', package: 'chromium', what: 'the browser' },
  { command: 'curl', package: 'curl', what: 'the HTTP client' },
  { command: 'openssl', package: 'openssl', what: 'the judge of our certificates' },
]

/**
 * Installs what is missing where this user may use apt-get.
 * @returns a message that says what to type, or undefined when everything is there
 */
export function ensureTools() {
  const missing = tools.filter((tool) => !isOnPath(tool.command))
  if (missing.length === 0) return undefined
  const packages = missing.map((tool) => tool.package)
  if (process.getuid?.() === 0 && isOnPath('apt-get')) {
    process.stdout.write(`Installing ${packages.join(', ')} (apt-get) …\n`)
    aptGet(['update', '-qq'])
    aptGet(['install', '-y', '-qq', '--no-install-recommends', ...packages])
  }
  const still = missing.filter((tool) => !isOnPath(tool.command))
  if (still.length === 0) return undefined
  const list = still.map((tool) => `${tool.command} (${tool.what})`).join(', ')
  return `The tests need ${list}. Install with:\n  sudo apt-get install ${still.map((tool) => tool.package).join(' ')}`
}

function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env })
}

function isOnPath(command) {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', command], { stdio: 'ignore' }).status === 0
}
