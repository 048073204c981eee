import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { DeadlinePassed, withDeadline } from '../../src/lib/deadline.ts'

t.test('work that is done in time gives what it gives', async (t) => {
  t.equal(await withDeadline(Promise.resolve(7), 10_000), 7)
  await t.rejects(withDeadline(Promise.reject(new RangeError('no')), 10_000), new RangeError('no'))
})

t.test('work that is late has failed, whatever becomes of it', async (t) => {
  const late = Promise.withResolvers<number>()
  await t.rejects(withDeadline(late.promise, 1), new DeadlinePassed(1))
  // Would end this process if nobody took it.
  late.reject(new Error('too late'))
  await new Promise((resolve) => setImmediate(resolve))
})

t.test('a process that stood still itself takes an answer that has come meanwhile', async (t) => {
  // In a thread of its own, so that it answers while this one stands still.
  const server = new Worker(
    `const { parentPort } = require('node:worker_threads')
    const server = require('node:net').createServer((socket) => socket.on('data', () => socket.end('answer')))
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address()))`,
    { eval: true },
  )
  t.teardown(() => server.terminate())
  const [{ port }] = (await once(server, 'message')) as [AddressInfo]
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  const answer = once(socket, 'data')
  const inTime = withDeadline(answer, 20)
  socket.write('question')
  standStill(1_000)
  t.match(String(await inTime), 'answer')
})

/** Nothing runs in this thread meanwhile. */
function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}
