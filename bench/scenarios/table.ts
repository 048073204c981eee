import { app } from './app.ts'
import { proxies } from './proxies.ts'
import type { Scenario } from './scenario.ts'
import { vendors } from './vendors.ts'

/** In the order in which `npm run bench` runs them. */
export const scenarios: readonly Scenario[] = [proxies, app, vendors]
