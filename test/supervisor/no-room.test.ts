import type { Worker } from 'node:cluster'
import { EventEmitter, once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { Places } from '../../src/supervisor/places.ts'
import { eventually } from '../helpers/eventually.ts'
import { installation, upstream } from '../operations/support.ts'
import { allServe, isRunning, pids } from './support.ts'

const noDescriptors = -24

t.test(
  'a process that cannot be forked, since there are no descriptors left, is forked when there are; the others go on',
  async (t) => {
    const one = await installation(t, {
      upstream: await upstream(t, (_request, response) => response.end('welcome')),
      gateway: '  processes: 2',
      within: ['sh', '-c', 'ulimit -n 200; exec "$@"', 'sh'],
    })
    const gateway = await one.start()
    const pidOf = (worker: number) => eventually(() => pids(gateway).get(worker), 30_000)
    const [first, second] = [await pidOf(1), await pidOf(2)]
    await allServe(gateway)
    const { hostname, port } = new URL(gateway.management)
    const sockets: Socket[] = []
    t.teardown(() => sockets.map((socket) => socket.destroy()))
    for (let count = 0; count < 250; count++) {
      const socket = connect(Number(port), hostname).on('error', () => {})
      sockets.push(socket)
      await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    }
    process.kill(second, 'SIGKILL')
    const notForked = () =>
      gateway.log.filter(
        ({ msg, code }) => msg === 'a process was lost and is replaced' && code === noDescriptors,
      ).length
    await eventually(() => notForked() >= 2, 20_000)
    t.ok(isRunning(first))
    for (const socket of sockets.splice(0)) socket.destroy()
    await eventually(() => pids(gateway).get(2) !== second, 30_000)
    await allServe(gateway)
    t.equal(pids(gateway).get(1), first, 'the other one has been there all the time')
  },
)

/** The first process, which is there at once; those after it cannot be forked. */
function forkOnce(): () => Worker {
  let forks = 0
  return () => {
    if (++forks > 1) throw new Error('spawn ENOMEM')
    const child = Object.assign(new EventEmitter(), {
      stdout: null,
      kill: () => child.emit('close', null, 'SIGKILL'),
    })
    const worker = Object.assign(new EventEmitter(), { process: child, isConnected: () => false })
    setImmediate(() => worker.emit('message', { type: 'ready', listeners: [] }))
    return worker as unknown as Worker // what is used of it
  }
}

t.test('a fork that the operating system refuses outright is told, and tried again', async (t) => {
  const told: string[] = []
  const places = new Places({
    fork: forkOnce(),
    settings: { file: 'gatehouse.yaml', text: '' },
    gateways: 2,
    hungAfter: 15_000,
    onLines() {},
    onReady() {},
    onChange() {},
    onNotice() {},
    onQuestion: () => Promise.reject(new Error('nobody asks')),
    onFailed: ({ seat, pid }, { message }) => told.push(`${seat.process} ${pid} ${message}`),
    onLost() {},
    onEnd() {},
  })
  await places.start()
  await eventually(() => told.filter((line) => line === '2 0 spawn ENOMEM').length >= 3)
  t.ok(told.includes('jobs 0 spawn ENOMEM'))
  t.equal(places.workers.length, 1)
  await places.stop(-10_000)
})
