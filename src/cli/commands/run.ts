import { TlsMaterialError } from '../../gateway/listener/tls-material.ts'
import { PolicyRejected } from '../../gateway/policy-in-force.ts'
import { AuthorityUnreadable } from '../../gateway/relay/authorities.ts'
import type { RunningGatehouse } from '../../main.ts'
import { defineCommand } from '../command.ts'
import { CommandFailed, WrongSettings } from '../errors.ts'
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
    const reload = () =>
      void running
        .reload()
        .catch((error: unknown) => context.out.warn(`gatehouse: reload failed: ${String(error)}`))
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
    if (error instanceof TlsMaterialError || error instanceof AuthorityUnreadable)
      throw new CommandFailed(error.message, 2)
    throw listenFailure(error) ?? error
  }
}

/** What the operating system says of an address that cannot be listened on. */
const listenFailures: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there; is a gateway running already?',
  EADDRNOTAVAIL: 'this machine does not have the address',
  EACCES: 'the operating system does not allow it; ports below 1024 need CAP_NET_BIND_SERVICE',
}

function listenFailure(error: unknown): CommandFailed | undefined {
  const {
    code = '',
    address,
    port,
    syscall,
  } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  const why = listenFailures[code]
  if (why === undefined || syscall !== 'listen') return undefined
  return new CommandFailed(`cannot listen on ${address} port ${port}: ${why}`)
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
