import { app } from './app.ts'
import { cutOff } from './cut-off.ts'
import { growth } from './growth.ts'
import { proxies } from './proxies.ts'
import type { Scenario } from './scenario.ts'
import { start } from './start.ts'
import { vendors } from './vendors.ts'

/** In the order in which `npm run bench` runs them. */
export const scenarios: readonly Scenario[] = [proxies, growth, start, cutOff, app, vendors]
