/**
 * Brings a fresh clone to the point where it can run: packages as in package-lock.json, and among them the pinned
 * Node. Plain JavaScript for Node 20 without packages, since it runs before there are any.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the clone. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const nodePackage = join(root, 'node_modules/node')
const pinnedNode = join(nodePackage, 'bin/node')

/**
 * Installs what is missing; does nothing, quickly, when nothing is.
 * @returns the path of the Node that runs the product
 * @throws {InstallError} with a message that says what to do
 */
export function ensureInstalled() {
  if (!packagesMatchLock()) installPackages()
  if (!existsSync(pinnedNode)) installNode()
  return pinnedNode
}

export class InstallError extends Error {}

/** npm's own account of what it installed lacks the optional packages of other platforms; everything else must agree. */
function packagesMatchLock() {
  const wanted = readPackages(join(root, 'package-lock.json'))
  const installed = readPackages(join(root, 'node_modules/.package-lock.json'))
  if (wanted === undefined) throw new InstallError('package-lock.json is missing or not readable.')
  if (installed === undefined) return false
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true
    const found = installed[path]
    return found === undefined ? optional === true : found.version === version
  })
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}

function installPackages() {
  process.stderr.write('Installing packages (npm ci); the first time this takes about a minute …\n')
  const started = Date.now()
  npm(['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], root)
  process.stderr.write(`Packages installed in ${Math.round((Date.now() - started) / 1000)} s.\n`)
}

/**
 * The package `node` fetches the binary of this platform in its install script. Where npm is told to run no
 * scripts, the same step is done here.
 */
function installNode() {
  const { version } = JSON.parse(readFileSync(join(nodePackage, 'package.json'), 'utf8'))
  process.stderr.write(`Installing Node ${version} for ${process.platform}-${process.arch} …\n`)
  spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: nodePackage,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, npm_config_ignore_scripts: 'false' },
  })
  if (existsSync(pinnedNode)) return
  throw new InstallError(
    `Node ${version} could not be installed for ${process.platform}-${process.arch}.\n` +
      'Its package fetches the binary in an install script; allow it and try again:\n' +
      '  npm rebuild node --ignore-scripts=false --foreground-scripts',
  )
}

function npm(args, cwd) {
  const windows = process.platform === 'win32'
  const { error, status } = spawnSync('npm', args, { cwd, stdio: 'inherit', shell: windows })
  if (error !== undefined) throw new InstallError(`npm could not be started: ${error.message}`)
  if (status !== 0) {
    throw new InstallError(
      `npm ${args[0]} failed (exit ${status}). What it printed above says why; without a network or behind a proxy, ` +
        'see `npm config get proxy`. Then try again.',
    )
  }
}
