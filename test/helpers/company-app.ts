import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { launcherOn, type PhoneOptions, readRegistered } from '../../sim/launcher.ts'
import { type Handler, startSimulation } from '../../sim/simulation.ts'
import type { Launcher } from '../../src/cli/app/launcher.ts'
import { temporaryFolder } from './certificates.ts'
import { type GatewayUnderTest, gatewayUnderTest } from './gateway-under-test.ts'
import { registrationHost } from './registration-address.ts'
import { simulated } from './simulation.ts'

export interface CompanyAppSettings {
  /** YAML: the section `app:`, for `settings` of a gateway under test. */
  readonly section: string
  readonly packageKey: { readonly id: string; readonly secret: string }
  readonly older: { readonly id: string; readonly secret: string }
}

/** The settings of a company app with two package keys. @param more further members of the flow mapping */
export function companyApp(t: Test, more = 'minVersion: { ios: "2.0" }'): CompanyAppSettings {
  const folder = temporaryFolder(t)
  const key = (id: string) => {
    const secret = randomBytes(32).toString('base64')
    writeFileSync(join(folder, id), secret)
    return { id, secret }
  }
  const [packageKey, older] = [key('2026-02'), key('2026-01')]
  const keys = [packageKey, older].map(({ id }) => `{ id: "${id}", secret: { file: ${join(folder, id)} } }`)
  return {
    packageKey,
    older,
    section: `limits: { drainFor: 1s }\napp: { company: Example Corp, packageKeys: [${keys.join(', ')}], ${more} }`,
  }
}

/** Evidence of the app registers; everything else is refused. */
export const appPolicy = `
registration:
  - { name: Company app, when: { evidence: app }, then: allow }
access:
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1d }, then: allow }
`

/** The app on alice's phone, in front of a gateway under test. */
export function phoneOf(
  gateway: GatewayUnderTest,
  packageKey: PhoneOptions['packageKey'],
  options: Partial<PhoneOptions> = {},
): Launcher {
  return launcherOn({
    gateway: `https://${registrationHost}:${gateway.tls}`,
    packageKey,
    ca: gateway.ca,
    from: '127.99.0.1',
    ...options,
  })
}

/** A service for programs, whose requests name user and device in header fields, and a phone whose company app is registered. */
export async function phoneAtApi(t: Test, { answer, policy, extra = '' }: ApiOptions) {
  const server = await simulated(t, (options) => startSimulation(options, answer), {})
  const app = companyApp(t)
  const gateway = await gatewayUnderTest(t, {
    services: `  - name: api
    hosts: [api.localhost]
    upstream: ["${server.url}"]
    client: generic
${extra}    generic: { device: [{ header: x-device }], user: { header: x-user }, success: { status: [200] } }`,
    settings: app.section,
    policy,
  })
  const phone = phoneOf(gateway, app.packageKey)
  readRegistered(await phone.register())
  return { gateway, phone, app }
}

interface ApiOptions {
  readonly answer: Handler
  readonly policy: string
  /** Further keys of the service, indented by four. */
  readonly extra?: string
}
