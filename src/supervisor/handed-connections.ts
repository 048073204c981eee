import type { Worker } from 'node:cluster'

/**
 * A connection that was handed to a worker is the worker's only when it has said so. node:cluster forgets those that a worker
 * was killed before taking: they would stay open in this process, with nobody behind them, for as long as the client waits.
 * The worker has read nothing of them, so that another one can serve them from their first byte.
 *
 * node:cluster has no interface for this; its messages (`newconn`, and the answer's `ack`) have been the same since Node 0.12.
 * Where they are not, nothing is seen here and all is as node:cluster leaves it.
 *
 * @param canPassOn is there another worker that takes connections of the same listeners? Otherwise they are closed.
 */
export function keepHandedConnections(worker: Worker, canPassOn: () => boolean): void {
  const handed = new Map<number, Closable>()
  // As it is called by node:cluster, with a message and a handle.
  const child = worker.process as unknown as Channel
  // Without descriptors or memory for another process, node:cluster gives one that has no channel, and ends.
  if (child.send === undefined) return
  const send = child.send.bind(child)
  child.send = (message, handle, ...more) => {
    if (isConnection(message) && handle !== undefined) handed.set(message.seq, handle)
    return send(message, handle, ...more)
  }
  child.on('internalMessage', ({ ack }) => {
    if (ack !== undefined) handed.delete(ack)
  })
  const passOn = () => {
    for (const [seq, connection] of handed)
      if (canPassOn()) child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: seq, accepted: false })
      else connection.close()
    handed.clear()
  }
  // When its channel has been read to the end, the worker is in no turn any more; a killed one ends without `disconnect`.
  worker.once('disconnect', passOn)
  worker.once('exit', () => {
    if (!child.connected) passOn()
  })
}

interface Closable {
  close(): void
}

interface Channel {
  readonly connected: boolean
  send?(message: unknown, handle?: Closable, ...more: unknown[]): boolean
  on(event: 'internalMessage', listener: (message: { readonly ack?: number }) => void): void
  emit(event: 'internalMessage', message: object): void
}

function isConnection(message: unknown): message is { readonly seq: number } {
  const { act, seq } = message as { readonly act?: unknown; readonly seq?: unknown }
  return act === 'newconn' && typeof seq === 'number'
}
