/**
 * The company app on a simulated phone: by default alice's, with the evaluation's company. It registers and prints the link
 * of each service. `node sim/launcher.ts https://register.localhost:8443 PACKAGE-KEY`
 */
import { argv } from 'node:process'
import { Launcher, type LauncherAnswer, type LauncherOptions } from '../src/cli/app/launcher.ts'

export interface PhoneOptions extends Partial<Omit<LauncherOptions, 'packageKey' | 'gateway'>> {
  readonly gateway: string | URL
  readonly packageKey: LauncherOptions['packageKey']
}

export const alicesPhone = {
  deviceId: '00008110-000A1B2C3D4E801E|356938035643809',
  deviceIdType: 'UDID|IMEI',
  username: 'alice',
  companyName: 'Example Corp',
}

export function launcherOn(phone: PhoneOptions): Launcher {
  return new Launcher({
    configuration: alicesPhone,
    platform: 'ios',
    appVersion: '2.1.0',
    address: '127.0.0.1',
    now: Date.now,
    ...phone,
    gateway: new URL(phone.gateway),
  })
}

export interface Registered {
  readonly device: string
  readonly keyid: string
  readonly links: readonly {
    readonly service: string
    readonly client: string
    readonly url: string
    readonly server?: string
    readonly launch?: string
    readonly expires: number
  }[]
}

/** @throws Error with the gateway's own words when it refused */
export function readRegistered({ status, body }: LauncherAnswer): Registered {
  if (status !== 200) throw new Error(`the gateway answered ${status}: ${body}`)
  return JSON.parse(body) as Registered
}

if (import.meta.main) {
  const [gateway = 'https://register.localhost:8443', secret = ''] = argv.slice(2)
  const app = launcherOn({ gateway, packageKey: { id: 'evaluation', secret } })
  console.log(readRegistered(await app.register()))
}
