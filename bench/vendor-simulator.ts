/** A simulated vendor as a process of its own: `vendor-simulator.ts TYPE DEVICES` writes its address. */
import { counterparts } from '../sim/vendors/table.ts'

const [type = '', devices = '0'] = process.argv.slice(2)
const counterpart = Object.entries(counterparts).find(([name]) => name === type)?.[1]
if (counterpart === undefined) throw new Error(`there is no vendor ${type}`)
const simulation = await counterpart.start({ port: 0, devices: Number(devices) })
process.stdout.write(`${simulation.url}\n`)
