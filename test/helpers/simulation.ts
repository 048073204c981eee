import type { Test } from 'tap'
import type { Simulation, SimulationOptions } from '../../sim/simulation.ts'

/** Starts a simulated service on a free port, for as long as the test lasts. */
export async function simulated<S extends Simulation, O extends SimulationOptions>(
  t: Test,
  start: (options: O) => Promise<S>,
  options: Omit<O, 'port'>,
): Promise<S> {
  // `Omit` and `port` together are all of `O` again, which the compiler cannot see.
  const simulation = await start({ port: 0, ...options } as O)
  t.teardown(() => simulation.close())
  return simulation
}
