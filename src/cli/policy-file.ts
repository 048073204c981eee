import { loadPolicy, PolicyRejected } from '../gateway/policy-in-force.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { Settings } from '../settings/settings.ts'
import { WrongSettings } from './errors.ts'

/** The policy as the gateway would take it now. @throws WrongSettings with what keeps it from coming into force */
export async function readPolicy(
  { policy, gateway, services }: Settings,
  now: () => number,
): Promise<CompiledPolicy> {
  try {
    return await loadPolicy(policy, { trustedProxies: gateway.trustedProxies, services, now })
  } catch (error) {
    if (error instanceof PolicyRejected) throw new WrongSettings(error.problems)
    throw error
  }
}
