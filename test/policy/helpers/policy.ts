import type { RequestFacts } from '../../../src/domain/decision.ts'
import type { DeviceState, Registration } from '../../../src/domain/registration.ts'
import { formatProblem } from '../../../src/lib/yaml-document.ts'
import { type CompiledPolicy, compilePolicy } from '../../../src/policy/compile.ts'
import { parsePolicy } from '../../../src/policy/parse.ts'

export const now = Date.parse('2026-06-15T12:00:00Z')

export function policyOf(text: string): CompiledPolicy {
  const { policy, problems } = parsePolicy(text, 'policy.yaml')
  if (policy === undefined) throw new Error(problems.map(formatProblem).join('\n'))
  return compilePolicy(policy)
}

export function mistakesIn(text: string): string[] {
  return parsePolicy(text, 'policy.yaml').problems.map(formatProblem)
}

export function request(facts: Partial<RequestFacts> = {}): RequestFacts {
  return {
    ...{ service: 'mail', client: 'browser', mode: 'enforce', method: 'GET', path: '/', publicPath: false },
    ...{ signIn: false, source: '203.0.113.7', vouchedNetworks: [], groups: [], evidence: [] },
    ...facts,
  }
}

export function device(
  state: Partial<DeviceState> = {},
  registration: Partial<Registration> = {},
): DeviceState {
  return {
    version: 1,
    registration: {
      ...{ id: 'r_1', service: 'mail', user: 'kim@example.com', binding: 'cookie', device: {} },
      ...{ evidence: ['network'], networks: ['wifi'], rule: 'Wi-Fi', source: '10.20.0.5' },
      registeredAt: now - 3_600_000,
      ...registration,
    },
    posture: { state: 'compliant', match: 'exact' },
    ...state,
  }
}
