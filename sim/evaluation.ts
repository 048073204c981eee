/**
 * `npm start`: the gateway with the evaluation settings in `config/`, in front of the sample services, all on this
 * machine. Makes certificates first, says where everything listens and what to paste, and stops it all together.
 */
import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { loadSettings } from '../src/settings/load.ts'
import type { Settings } from '../src/settings/settings.ts'
import { startActiveSync } from './activesync.ts'
import { startEvaluationPushService } from './apple/evaluation.ts'
import { ensureCertificates } from './certificate-files.ts'
import { startCollaboration } from './collaboration.ts'
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts'
import { startMatrix } from './matrix.ts'
import { assertFree, PortTaken } from './ports.ts'
import type { Simulation, SimulationOptions } from './simulation.ts'
import { startEvaluationVendors } from './vendors/evaluation.ts'
import { walkthrough } from './walkthrough.ts'

const root = join(import.meta.dirname, '..')
const settingsFile = join(root, 'config/gatehouse.yaml')
const certificates = join(root, 'certs')
const log = join(root, 'data/gatehouse.log')

/** The sample behind each service of the evaluation settings. */
const samples: Readonly<Record<string, (options: SimulationOptions) => Promise<Simulation>>> = {
  chat: startCollaboration,
  mail: startActiveSync,
  matrix: startMatrix,
}

class CannotStart extends Error {}

async function start(): Promise<void> {
  const stopped = stopSignal()
  mkdirSync(join(root, 'data'), { recursive: true })
  const made = await ensureCertificates(certificates, Date.now())
  if (made.length > 0) say(`Made certificates in certs/: ${made.join(', ')}`)
  const settings = readSettings()
  const { gateway: doors, management, enrollment } = settings
  await assertFree([...doors.listen, management.listen, ...(enrollment ? [enrollment.listen] : [])])
  const samplesStarted = await startSamples(settings)
  const vendors = await startEvaluationVendors(settings.compliance.vendors)
  const pushService = await startEvaluationPushService(settings.apns, certificates)
  const gateway = startGatewayProcess({ root, settingsFile, log, management: management.listen })
  const ready = await Promise.race([gateway.ready, stopped])
  if (ready === 'ready')
    say(await walkthrough(root, settings, { samples, vendors, ...(pushService && { pushService }) }))
  await Promise.race([stopped, gateway.exited])
  const simulations = [...samplesStarted, ...vendors.map(({ simulation }) => simulation)]
  await stop(gateway, pushService === undefined ? simulations : [...simulations, pushService])
}

function readSettings(): Settings {
  const { settings, problems } = loadSettings(settingsFile, process.env)
  if (settings !== undefined) return settings
  const lines = problems.map(({ file, line, column, key, message }) => {
    return `${relative(root, file)}:${line}:${column}: ${key === '' ? '' : `${key}: `}${message}`
  })
  throw new CannotStart(lines.join('\n'))
}

/** Each service's sample where its first upstream is expected. A service without one has an upstream of its own. */
async function startSamples(settings: Settings): Promise<readonly Simulation[]> {
  const started: Simulation[] = []
  for (const service of settings.services) {
    const startSample = samples[service.name]
    const upstream = service.upstream[0]
    if (startSample === undefined || upstream === undefined) continue
    const address = { port: Number(upstream.port), host: upstream.hostname }
    await assertFree([address])
    started.push(await startSample(address))
  }
  return started
}

async function stop(
  gateway: GatewayProcess,
  simulations: readonly Pick<Simulation, 'close'>[],
): Promise<void> {
  const code = await gateway.stop()
  await Promise.all(simulations.map((simulation) => simulation.close()))
  if (code !== 0) say(`The gateway ended with exit code ${code}; its log: ${relative(root, log)}`)
  else say('Stopped.')
  process.exitCode = code === 0 ? 0 : 1
}

/** Resolves at the first signal to end; further ones change nothing, the end is bounded anyway. */
function stopSignal(): Promise<'stopped'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => resolve('stopped'))
  })
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

try {
  await start()
} catch (error) {
  if (!(error instanceof CannotStart || error instanceof PortTaken)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
