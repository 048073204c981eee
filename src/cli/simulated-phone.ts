/**
 * The phone of `enroll simulate`. The simulators in sim/ are no part of the product: types apart, they are loaded when the command
 * runs, where they are there at all. They reach this machine alone, and so does what is said here.
 */
import type { VisitedService } from '../../sim/apple/visit.ts'
import type { IphoneOptions } from '../../sim/iphone.ts'
import type { Service } from '../domain/service.ts'
import type { Settings } from '../settings/settings.ts'
import { CommandFailed, UsageError } from './errors.ts'
import { fileText, needed } from './simulation-words.ts'

const name = 'enroll simulate'

/** What was typed. */
export interface PhoneWords {
  readonly user: string | undefined
  readonly code: string | undefined
  readonly ca: string | undefined
  readonly enrollment: string | undefined
  readonly service: string | undefined
  readonly gateway: string | undefined
  readonly password: string | undefined
}

type Simulators = Awaited<ReturnType<typeof simulators>>

/** @throws CommandFailed where they are not installed */
export async function simulators() {
  try {
    const { Iphone, IphoneFailed } = await import('../../sim/iphone.ts')
    const { courierOf } = await import('../../sim/apple/courier.ts')
    const { passwords } = await import('../../sim/people.ts')
    return { Iphone, IphoneFailed, courierOf, passwords }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new CommandFailed('This installation has no simulated devices: they come with the source, in sim/')
  }
}

/** @throws UsageError, CommandFailed */
export function wantedPhone(
  options: PhoneWords,
  settings: Settings,
  sim: Simulators,
): Omit<IphoneOptions, 'events'> {
  const { enrollment, apns } = settings
  if (enrollment === undefined || apns === undefined)
    throw new CommandFailed(`${settings.file} has no sections \`enrollment:\` and \`apns:\``)
  const server = new URL(apns.server)
  if (!isHere(server))
    throw new CommandFailed(
      `\`apns.server\` is ${apns.server}: simulated devices hear a simulated push service at 127.0.0.1 alone, such as that of \`npm start\``,
    )
  return {
    origin: here(options.enrollment ?? enrollment.publicUrl, '--enrollment'),
    code: needed(options.code, '--code', name),
    ca: fileText(needed(options.ca, '--ca', name)),
    courier: sim.courierOf(server),
    service: visited(options, settings, sim),
  }
}

function visited(options: PhoneWords, settings: Settings, { passwords }: Simulators): VisitedService {
  const { services, gateway } = settings
  const service = services.find((one) => options.service === undefined || one.name === options.service)
  if (service === undefined)
    throw new UsageError(
      `There is no service ${options.service}; there are ${services.map((one) => one.name).join(', ')}`,
      name,
    )
  const user = needed(options.user, '--user', name)
  const listener = gateway.listen[0]
  const usual = `${listener?.scheme}://${service.hosts[0]}:${listener?.port}`
  const signIn = formOf(service, { user, password: options.password ?? passwords.get(user) ?? '' })
  return { origin: here(options.gateway ?? usual, '--gateway'), ...(signIn && { signIn }) }
}

/** The sample's form; its field for the password is called so. */
function formOf(
  { client }: Service,
  { user, password }: { readonly user: string; readonly password: string },
) {
  if (client.kind !== 'browser' || client.signIn === 'none' || client.signIn.user.from !== 'form')
    return undefined
  return { path: client.signIn.path, fields: { [client.signIn.user.name]: user, password } }
}

/** @throws UsageError for what is not on this machine */
function here(text: string, option: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' || !isHere(url))
    throw new UsageError(
      `${option}: ${text} is no address of this machine such as https://mdm.localhost:8445; simulated devices reach no other`,
      name,
    )
  return url.origin
}

function isHere({ hostname }: URL): boolean {
  return hostname === '127.0.0.1' || /(^|\.)localhost$/.test(hostname)
}
