import { writeFileSync } from 'node:fs'
import { evaluationLikePolicy, type GatewayUnderTest } from './gateway-under-test.ts'

/** The gateway's own host in the tests' settings. */
export const registrationHost = 'register.localhost'

/**
 * Ports are known only once the gateway listens, and clients that follow a redirect need the real one: puts a policy
 * in force whose registration address has it.
 */
export async function useRegistrationPort(
  gateway: GatewayUnderTest,
  policy = evaluationLikePolicy,
): Promise<void> {
  const text = policy.replaceAll(
    `https://${registrationHost}"`,
    `https://${registrationHost}:${gateway.tls}"`,
  )
  writeFileSync(gateway.policyFile, text)
  await gateway.running.reload()
}
