/** The push service of `npm start`: `apns.server` of the evaluation settings, on this machine, and how devices hear it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ApnsSettings } from '../../src/settings/build-apns.ts'
import { startApns } from '../apns.ts'
import { assertFree } from '../ports.ts'
import { courierOf, startCourier } from './courier.ts'

export interface EvaluationPushService {
  readonly origin: string
  close(): Promise<void>
}

/**
 * @returns undefined where the settings have no push service on this machine
 * @throws PortTaken
 */
export async function startEvaluationPushService(
  apns: ApnsSettings | undefined,
  certificates: string,
): Promise<EvaluationPushService | undefined> {
  const server = apns && new URL(apns.server)
  if (server?.hostname !== '127.0.0.1') return undefined
  const address = addressOf(server)
  const courierAddress = addressOf(courierOf(server))
  await assertFree([address, courierAddress])
  const file = (name: string) => readFileSync(join(certificates, name), 'utf8')
  const service = await startApns({
    ...address,
    cert: file('gateway.crt'),
    key: file('gateway.key'),
    clientCa: file('ca.crt'),
  })
  const courier = await startCourier(service, courierAddress)
  return {
    origin: service.origin,
    async close() {
      await Promise.all([service.close(), courier.close()])
    },
  }
}

function addressOf({ hostname, port }: URL) {
  return { host: hostname, port: Number(port) }
}
