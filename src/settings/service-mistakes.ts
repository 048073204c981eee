import { compilePathPattern } from '../lib/path-pattern.ts'
import type { Mistake } from './mistake.ts'
import { clientBlocks } from './sections/client.ts'
import type { SettingsDocument } from './settings-schema.ts'

type Written = SettingsDocument['services'][number]

/** What is wrong with services that are each well-formed: blocks of the wrong client, names and hosts that stand twice. */
export function serviceMistakes({ services, gateway }: SettingsDocument): Mistake[] {
  return [
    ...services.flatMap((service, index) => [
      ...blockMistakes(service, index),
      ...claimMistakes(service, index),
      ...publicSignInMistakes(service, index),
    ]),
    ...repeatedNames(services),
    ...repeatedHosts(services, gateway.hosts),
  ]
}

function blockMistakes(service: Written, index: number): Mistake[] {
  const mistakes: Mistake[] = []
  for (const [client, block] of Object.entries(clientBlocks)) {
    const present = service[block] !== undefined
    if (service.client === client && !present) {
      mistakes.push({ path: ['services', index], message: missingBlock(client, block) })
    } else if (service.client !== client && present) {
      const message = `belongs to \`client: ${client}\`, and this service has \`client: ${service.client}\``
      mistakes.push({ path: ['services', index, block], message })
    }
  }
  return mistakes
}

function missingBlock(client: string, block: string): string {
  const otherwise = block === 'signIn' ? ', or `signIn: none` when there is no sign-in' : ''
  return `\`client: ${client}\` needs \`${block}\`${otherwise}`
}

/** A claim is only worth something in a JWT that is verified. */
function claimMistakes({ signIn, generic }: Written, index: number): Mistake[] {
  const mistakes: Mistake[] = []
  if (signIn !== undefined && signIn !== 'none' && signIn.user.from === 'claim') {
    const path = ['services', index, 'signIn', 'user']
    mistakes.push({
      path,
      message: 'a browser’s sign-in has no verified claims; use form, json, header, query or basic',
    })
  }
  if (generic !== undefined && generic.bearer === undefined) {
    const readsClaim = [...generic.device, generic.user].some(({ from }) => from === 'claim')
    const path = ['services', index, 'generic']
    if (readsClaim)
      mistakes.push({ path, message: 'a claim is read, so `bearer` is needed to verify the JWT' })
  }
  return mistakes
}

/** What is public is let through as it is: a sign-in there would never register a device. */
function publicSignInMistakes(service: Written, index: number): Mistake[] {
  const { signIn } = service
  if (signIn === undefined || signIn === 'none') return []
  const sample = signIn.path.replaceAll('*', 'x')
  return service.public.flatMap((pattern, place) => {
    if (!compilePathPattern(pattern)(sample)) return []
    const message = `covers \`signIn.path\` (${signIn.path}): nobody could ever register, since what is public needs no device`
    return [{ path: ['services', index, 'public', place], message }]
  })
}

function repeatedNames(services: readonly Written[]): Mistake[] {
  const seen = new Set<string>()
  return services.flatMap(({ name }, index) => {
    if (seen.has(name))
      return [{ path: ['services', index, 'name'], message: `another service is called ${name} already` }]
    seen.add(name)
    return []
  })
}

/** Two owners of one host: which of them a request reaches would depend on their order. */
function repeatedHosts(services: readonly Written[], own: readonly string[]): Mistake[] {
  const owners = new Map(own.map((host) => [host, 'the gateway itself (`gateway.hosts`)']))
  const mistakes: Mistake[] = []
  for (const [index, { name, hosts }] of services.entries()) {
    for (const [at, host] of hosts.entries()) {
      const owner = owners.get(host)
      if (owner === undefined) owners.set(host, `the service ${name}`)
      else
        mistakes.push({
          path: ['services', index, 'hosts', at],
          message: `${host} belongs to ${owner} already`,
        })
    }
  }
  return mistakes
}
