/**
 * `npm test`: everything that must hold before a change is taken. Each step runs even when one before it has
 * failed; the last line says how much passed.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from './lib/ensure-installed.mjs'
import { ensureTools } from './lib/ensure-tools.mjs'
import { installedNode } from './lib/run-node.mjs'
import { TapReport } from './lib/tap-report.mjs'

const node = installedNode()
const environment = {
  ...process.env,
  PATH: [join(root, 'node_modules/node/bin'), join(root, 'node_modules/.bin'), process.env.PATH].join(':'),
}
const total = { passed: 0, failed: 0, skipped: 0 }

const toolsMissing = ensureTools()
if (toolsMissing !== undefined) process.stdout.write(`${toolsMissing}\n`)
count(toolsMissing === undefined)

await step('types', 'tsc', [])
await step('lint and formatting', 'biome', ['ci', '--colors=off'])
await step('generated files', node, ['scripts/generate.ts', '--check'])
if (!tapIsBuilt()) await step('test runner', 'tap', ['build'])
await tests()

process.stdout.write(
  `\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}\n`,
)
process.exitCode = total.failed === 0 ? 0 : 1

async function step(title, command, args) {
  process.stdout.write(`\n${title}: ${[command === node ? 'node' : command, ...args].join(' ')}\n`)
  const { code } = await run(command, args, 'inherit')
  process.stdout.write(code === 0 ? '  ok\n' : `  not ok (exit ${code})\n`)
  count(code === 0)
}

async function tests() {
  process.stdout.write('\ntests: tap\n')
  const report = new TapReport((text) => process.stdout.write(text))
  const { code } = await run('tap', ['--reporter=tap', ...process.argv.slice(2)], 'pipe', (line) =>
    report.line(line),
  )
  const { passed, failed, skipped } = report.counts(code)
  total.passed += passed
  total.failed += failed
  total.skipped += skipped
}

function run(command, args, output, onLine) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env: environment, stdio: ['ignore', output, 'inherit'] })
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', onLine)
    child.on('error', (error) => {
      process.stdout.write(`  ${command} could not be started: ${error.message}\n`)
      resolve({ code: 127 })
    })
    child.on('close', (code) => resolve({ code: code ?? 1 }))
  })
}

/**
 * tap generates its test class for the plugins of .taprc. On a fresh clone it would do so only when the run has
 * already begun with the class it came with, whose TypeScript plugin refuses our files.
 */
function tapIsBuilt() {
  const testClass = join(root, 'node_modules/@tapjs/test/test-built/dist/esm/index.js')
  return (
    existsSync(join(root, '.tap/plugins')) && !readFileSync(testClass, 'utf8').includes('@tapjs/typescript')
  )
}

function count(passed) {
  total[passed ? 'passed' : 'failed'] += 1
}
