/**
 * The MDM of `npm start`: the simulator behind each vendor of the evaluation settings that is on this machine, with the
 * devices of `people.ts`. Its control API, on the next port, makes a phone noncompliant.
 */
import type { VendorConnection, VendorType } from '../../src/settings/sections/vendors/table.ts'
import { assertFree } from '../ports.ts'
import { simulatedDevice } from './fleet.ts'
import { startIntune } from './intune.ts'
import type { VendorSimulation, VendorSimulationOptions } from './vendor-simulation.ts'

const simulators: {
  readonly [Type in VendorType]?: (options: VendorSimulationOptions) => Promise<VendorSimulation>
} = {
  intune: startIntune,
}

export interface EvaluationVendor {
  /** The connection's name in the settings. */
  readonly name: string
  readonly simulation: VendorSimulation
}

/** @throws PortTaken */
export async function startEvaluationVendors(
  connections: readonly VendorConnection[],
): Promise<readonly EvaluationVendor[]> {
  const started: EvaluationVendor[] = []
  for (const { type, settings } of connections) {
    const { name, url } = settings
    const startSimulator = simulators[type]
    if (startSimulator === undefined || url.hostname !== '127.0.0.1') continue
    const [host, port] = [url.hostname, Number(url.port)]
    await assertFree([
      { host, port },
      { host, port: port + 1 },
    ])
    const simulation = await startSimulator({ host, port, controlPort: port + 1 })
    enrolPeople(simulation)
    started.push({ name, simulation })
  }
  return started
}

/** Alice's phone, by the id that the control API knows it by. */
export const alicesPhone = '1'

/** Alice has one phone; bob has a computer of each kind, so that whatever browser tries this is one of his. */
function enrolPeople({ fleet }: VendorSimulation): void {
  const now = Date.now()
  const phone = { platform: 'ios', model: 'iPhone 13', modelCode: 'iPhone14,5', osVersion: '17.5.1' } as const
  const computers = [
    { platform: 'macos', model: 'MacBook Air', modelCode: 'Mac14,2', osVersion: '15.1' },
    { platform: 'windows', model: 'Latitude 7440', modelCode: '0C07', osVersion: '10.0.22631.4460' },
    {
      platform: 'windows',
      model: 'ThinkPad X1',
      modelCode: '21KC',
      osVersion: '24.04',
      raw: { operatingSystem: 'Linux' },
    },
  ] as const
  const android = {
    platform: 'android',
    model: 'Galaxy S21',
    modelCode: 'SM-G991B',
    osVersion: '14',
  } as const
  const people = [
    ['alice', phone],
    ...computers.map((computer) => ['bob', computer] as const),
    ['carol', android],
  ] as const
  for (const [index, [user, kind]] of people.entries()) {
    const id = String(index + 1)
    fleet.add(
      simulatedDevice(index + 1, now, { ...kind, id, user, email: `${user}@example.com`, displayName: user }),
    )
  }
}
