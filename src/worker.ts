/** One of several gateway processes: what the supervisor forks. It does what it is told to, and ends with the supervisor. */
import { type RunningWorker, startWorker } from './main.ts'
import { loadSettings } from './settings/load.ts'
import { type Answer, createAskedState } from './shared-state/asked.ts'
import { createLocalNotices } from './shared-state/notices.ts'
import { beatEvery, type FromWorker, type Seat, type ToWorker } from './supervisor/messages.ts'
import { describeFailure } from './supervisor/start-failure.ts'

/** Resolves when it is with the supervisor, or when there is none any more. */
function tell(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve()
    else process.send(message, undefined, undefined, () => resolve())
  })
}

const notices = createLocalNotices(() => void tell({ type: 'notice' }))
const waiting = new Map<number, (answer: Answer) => void>()
let questions = 0
const local = {
  notices,
  ...createAskedState((question) => {
    const request = ++questions
    void tell({ type: 'ask', request, question })
    return new Promise((resolve) => waiting.set(request, resolve))
  }),
}
let running: RunningWorker | undefined
let stopping = false

async function start(seat: Seat): Promise<void> {
  const { file, text } = seat.settings
  const { settings, problems } = loadSettings(file, process.env, { text })
  if (settings === undefined) {
    const failure = { name: 'WrongSettings', message: 'The settings are wrong', problems }
    return fail(tell({ type: 'failed', failure }))
  }
  try {
    running = await startWorker(settings, {
      ...seat,
      env: process.env,
      local,
      onHealth: (report) => void tell({ type: 'health', report }),
    })
  } catch (error) {
    return fail(tell({ type: 'failed', failure: describeFailure(error) }))
  }
  await tellMetrics()
  await tell({ type: 'ready', listeners: running.listeners })
  if (stopping) await stop()
}

async function fail(told: Promise<void>): Promise<never> {
  await told
  process.exit(1)
}

async function tellMetrics(request?: number): Promise<void> {
  const metrics = await running?.metrics()
  if (metrics === undefined) return
  await tell({ type: 'metrics', metrics, ...(request !== undefined && { request }) })
}

/** Nothing that goes wrong beside the exchanges may end them. */
function failedTo(what: string): (error: unknown) => void {
  return (error) => process.stderr.write(`gatehouse: ${what} failed: ${String(error)}\n`)
}

async function stop(): Promise<void> {
  stopping = true
  if (running === undefined) return
  const ending = running
  await ending.close()
  await tellMetrics()
  process.exit(0)
}

process.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'start':
      return void start(message.seat)
    case 'reload':
      return void running?.reload().catch(failedTo('reload'))
    case 'notice':
      return notices.receive()
    case 'measure':
      return void tellMetrics(message.request)
    case 'answer': {
      const answer = waiting.get(message.request)
      waiting.delete(message.request)
      return answer?.(message.answer)
    }
    case 'drain':
      return void stop()
  }
})

/** A terminal and a service manager send signals to the whole group; what they mean is the supervisor's to say. */
process.on('SIGHUP', () => {})
process.on('SIGINT', () => {})
/** Sent to this process alone, it means: drain, and be replaced. */
process.on('SIGTERM', () => void stop())

setInterval(() => {
  void tell({ type: 'beat' })
  void tellMetrics()
}, beatEvery)
void tell({ type: 'hello' })
