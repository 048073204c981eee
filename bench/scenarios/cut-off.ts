import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { openStore } from '../../src/store/open.ts'
import { startInstallation } from '../installation.ts'
import { deviceSecret, registrationId } from '../seed.ts'
import { type SeededRecord, seededRecord } from './records.ts'
import type { Scenario } from './scenario.ts'
import { type Workshop, withWorkshop } from './workshop.ts'

/**
 * Promised: under a second from the commit of a change to the last connection that it closes. The change is made in the record
 * by this process, as the command line does: no gateway tells the others of it, they find it.
 */
export const cutOff: Scenario = {
  name: 'cut-off',
  summary: 'from the commit of a block to the last of many open connections closed, over several processes',
  options: {
    polls: { default: 10_000, description: 'long polls of the device that is blocked' },
    bystanders: { default: 1000, description: 'long polls of other devices, which must stay' },
    cutOffProcesses: { default: 3, description: 'gateway processes' },
    cutOffs: { default: 3, description: 'times that it is done' },
  },
  async run({ polls = 10_000, bystanders = 1000, cutOffProcesses = 3, cutOffs = 3 }) {
    await withWorkshop(async (workshop) => {
      const { url: redis } = await workshop.servers.redis()
      const rows: object[] = []
      for (const name of ['SQLite', 'PostgreSQL'] as const) {
        const folder = join(workshop.folder, name)
        const record = await seededRecord(name, 10_000, { folder, servers: workshop.servers })
        const order = { record, processes: cutOffProcesses, connections: polls, bystanders, cutOffs }
        rows.push(await measure(order, workshop))
        rows.push(await measure({ ...order, redis }, workshop))
      }
      console.table(rows)
    })
  },
}

interface Order {
  readonly record: SeededRecord
  readonly redis?: string
  readonly processes: number
  readonly connections: number
  readonly bystanders: number
  readonly cutOffs: number
}

async function measure(order: Order, workshop: Workshop): Promise<object> {
  const { record, redis, processes, connections, bystanders, cutOffs } = order
  const name = `${record.name}${redis === undefined ? '' : ', Redis'}`
  process.stderr.write(`${name}: ${cutOffs} times ${connections} connections\n`)
  const gateway = await startInstallation({
    folder: join(workshop.folder, name.replaceAll(/\W+/g, '-')),
    upstreamPort: workshop.upstreamPort,
    store: record.store,
    ...(redis !== undefined && { redis }),
    processes,
    limits: { connections: 30_000, upstreamConnections: 30_000 },
  })
  const store = await openStore(record.location, { now: Date.now })
  const others = await Promise.all(
    Array.from({ length: bystanders }, (_, n) => poll(gateway.port, { device: 5000 + n, source: n })),
  )
  try {
    const times: number[] = []
    for (let device = 0; device < cutOffs; device++) {
      const open = await openPolls(gateway.port, device, connections)
      await until(async () => (await gateway.metric('gatehouse_open_exchanges')) >= connections + bystanders)
      const closed = Promise.all(open.map((socket) => once(socket, 'close')))
      await store.registrations.block(registrationId(device), {
        name: 'bench',
        why: 'measured',
        at: Date.now(),
      })
      const committed = performance.now()
      await closed
      times.push(Math.round(performance.now() - committed))
    }
    const stayed = others.filter((socket) => !socket.destroyed).length
    return {
      record: name,
      processes,
      connections,
      'ms, each time': times.join(' '),
      'others that stayed': stayed,
    }
  } finally {
    for (const socket of others) socket.destroy()
    await store.close()
    await gateway.running.stop()
    await unblock(record, cutOffs)
  }
}

/** For the next one over the same record. */
async function unblock({ location }: SeededRecord, devices: number): Promise<void> {
  const store = await openStore(location, { now: Date.now })
  for (let device = 0; device < devices; device++)
    await store.registrations.unblock(registrationId(device), { name: 'bench', why: 'again', at: Date.now() })
  await store.close()
}

/** Some hundred at a time: listeners have a queue, and the load must not be what fails. */
async function openPolls(port: number, device: number, connections: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < connections) {
    const next = Array.from({ length: Math.min(200, connections - sockets.length) }, (_, n) =>
      poll(port, { device, source: sockets.length + n }),
    )
    sockets.push(...(await Promise.all(next)))
  }
  return sockets
}

/** From one of many addresses of this machine, so that its ports are enough. */
async function poll(port: number, { device, source }: { device: number; source: number }): Promise<Socket> {
  const localAddress = `127.1.${(source >> 8) % 200}.${(source % 250) + 1}`
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
  await once(socket, 'connect')
  socket.on('error', () => {}) // it is closed, which is what is waited for
  socket.resume()
  socket.write(
    `GET /poll HTTP/1.1\r\nHost: bench.localhost\r\nCookie: gatehouse-device=${deviceSecret(device)}\r\n\r\n`,
  )
  return socket
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (await done()) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error('the connections are not open')
}
