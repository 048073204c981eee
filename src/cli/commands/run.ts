import { PolicyRejected } from '../../gateway/policy-in-force.ts'
import type { RunningGatehouse } from '../../main.ts'
import { defineCommand } from '../command.ts'
import { WrongSettings } from '../errors.ts'
import type { Output } from '../output.ts'
import { readSettings } from '../settings-file.ts'

export const runCommand = defineCommand({
  name: 'run',
  summary: 'Run the gateway until SIGTERM or SIGINT.',
  details:
    'The log goes to standard output, one JSON object a line.\nSIGTERM and SIGINT let open requests end (limits.drainFor); a second one ends at once. SIGHUP reads the policy\nand the certificates again, and the log names settings that need a restart.',
  options: {},
  examples: [
    { line: 'run --config /etc/gatehouse/gatehouse.yaml', description: 'As a service manager starts it' },
  ],
  async run(context) {
    const settings = readSettings(context)
    const stopping = stopSignal()
    // Loaded only here: the gateway is most of the program, and the other commands start faster without it.
    const { startGatehouse } = await import('../../main.ts')
    const running = await start(() => startGatehouse(settings, { env: context.system.env }))
    announce(running, context.out)
    const reload = () => void running.reload()
    process.on('SIGHUP', reload)
    await stopping
    await running.close()
    process.off('SIGHUP', reload)
    return 0
  },
})

async function start(starting: () => Promise<RunningGatehouse>): Promise<RunningGatehouse> {
  try {
    return await starting()
  } catch (error) {
    if (error instanceof PolicyRejected) throw new WrongSettings(error.problems)
    throw error
  }
}

/** To standard error: standard output is the log, one JSON object a line. */
function announce({ listeners, management }: RunningGatehouse, out: Output): void {
  for (const url of listeners) out.warn(`gatehouse: listening on ${url}`)
  out.warn(`gatehouse: management on ${management}`)
}

/** Resolves at the first signal to end; the second one ends the process there and then. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false
    const stop = (signal: NodeJS.Signals) => {
      if (stopping) process.exit(signal === 'SIGINT' ? 130 : 143)
      stopping = true
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}
