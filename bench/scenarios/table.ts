import { app } from './app.ts'
import { checkIns } from './check-ins.ts'
import { cutOff } from './cut-off.ts'
import { growth } from './growth.ts'
import { hotCopies } from './hot-copies.ts'
import { polling } from './polling.ts'
import { profiles } from './profiles.ts'
import { proxies } from './proxies.ts'
import { pushes } from './pushes.ts'
import { registrations } from './registrations.ts'
import type { Scenario } from './scenario.ts'
import { scep } from './scep.ts'
import { start } from './start.ts'
import { vendors } from './vendors.ts'

/** In the order in which `npm run bench` runs them. */
export const scenarios: readonly Scenario[] = [
  proxies,
  growth,
  start,
  cutOff,
  registrations,
  hotCopies,
  app,
  vendors,
  polling,
  pushes,
  scep,
  checkIns,
  profiles,
]
