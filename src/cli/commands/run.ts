import type { RunningGatehouse } from '../../main.ts'
import { processCount } from '../../settings/process-count.ts'
import type { Settings } from '../../settings/settings.ts'
import { readTextFile } from '../../settings/text-file.ts'
import { type RecordErrorCode, RecordUnavailable } from '../../store/errors.ts'
import { describeFailure } from '../../supervisor/start-failure.ts'
import { defineCommand, type System } from '../command.ts'
import { CommandFailed, WrongSettings } from '../errors.ts'
import type { Output } from '../output.ts'
import { readSettings } from '../settings-file.ts'

export const runCommand = defineCommand({
  name: 'run',
  summary: 'Run the gateway until SIGTERM or SIGINT.',
  details:
    'The log goes to standard output, one JSON object a line.\nSIGTERM and SIGINT let open requests end (limits.drainFor); a second one ends at once. SIGHUP reads the policy\nand the certificates again, and the log names settings that need a restart. With several processes (gateway.processes)\nthis one supervises them and passes the signals on.',
  options: {},
  examples: [
    { line: 'run --config /etc/gatehouse/gatehouse.yaml', description: 'As a service manager starts it' },
  ],
  async run(context) {
    const settings = readSettings(context)
    const stopping = stopSignal()
    const running = await start(() => startProcesses(settings, context.system))
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

/** Either is loaded only here: the gateway is most of the program, and a supervisor of gateways stays small without it. */
async function startProcesses(settings: Settings, system: System): Promise<RunningGatehouse> {
  const processes = processCount(settings.gateway)
  if (processes === 1) {
    const { startGatehouse } = await import('../../main.ts')
    return startGatehouse(settings, { env: system.env })
  }
  const { startSupervisor } = await import('../../supervisor/supervisor.ts')
  const { text: settingsText } = readTextFile(settings.file)
  if (settingsText === undefined) throw new CommandFailed(`${settings.file} cannot be read any more`)
  return startSupervisor({ settings, settingsText, processes, env: system.env, now: system.now })
}

async function start(starting: () => Promise<RunningGatehouse>): Promise<RunningGatehouse> {
  try {
    return await starting()
  } catch (error) {
    const { name, message, problems, code } = describeFailure(error)
    if ((name === 'PolicyRejected' || name === 'WrongSettings') && problems !== undefined)
      throw new WrongSettings(problems)
    if (name === 'TlsMaterialError' || name === 'AuthorityUnreadable') throw new CommandFailed(message, 2)
    if (name === 'RecordUnavailable' && !(error instanceof RecordUnavailable))
      // The casts of a worker's plain values: its name says what it is.
      throw new RecordUnavailable(code as RecordErrorCode, message, { cause: error })
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
  const { code = '', address, port, syscall } = describeFailure(error)
  const why = listenFailures[code]
  // `bind` is what it is called where the supervisor listens for its workers.
  if (why === undefined || (syscall !== 'listen' && syscall !== 'bind')) return undefined
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
