import { platforms } from '../../domain/client-identity.ts'
import { Launcher, type LauncherAnswer } from '../app/launcher.ts'
import { type CommandContext, type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import { readSettings } from '../settings-file.ts'
import { fileText, needed } from '../simulation-words.ts'

const options = {
  gateway: {
    type: 'text',
    value: 'URL',
    description: 'The gateway’s own address. Otherwise the first of `gateway.hosts`, at the first listener.',
  },
  user: { type: 'text', value: 'NAME', description: 'The user of the app. Needed.' },
  'device-id': { type: 'text', value: 'ID', description: 'The ids of the device, with | between. Needed.' },
  'device-id-type': {
    type: 'text',
    value: 'TYPE',
    description: 'UDID, SERIAL, IMEI, MEID, EAS, ENTRA, with | between. Otherwise UDID.',
  },
  platform: { type: 'text', value: 'PLATFORM', description: 'Otherwise ios.', oneOf: platforms },
  'app-version': { type: 'text', value: 'VERSION', description: 'Otherwise the minimum of the settings.' },
  'package-key': {
    type: 'text',
    value: 'ID',
    description: 'Which of `app.packageKeys`. Otherwise the first.',
  },
  'mdm-token': { type: 'text', value: 'FILE', description: 'A file that holds the MDM token.' },
  service: { type: 'text', value: 'NAME', description: 'A link for this service alone.' },
  connect: {
    type: 'text',
    value: 'ADDRESS',
    description: 'Connect to this address instead of looking the name up.',
  },
  from: { type: 'text', value: 'ADDRESS', description: 'Connect from this address of this machine.' },
  ca: { type: 'text', value: 'FILE', description: 'The CA of the gateway’s certificate, PEM.' },
  open: { type: 'flag', description: 'Open the links too, as the device’s browser would.' },
} as const satisfies CommandOptions

type Context = CommandContext<typeof options>

export const appSimulate = defineCommand({
  name: 'app simulate',
  summary: 'Play the company app against a running gateway, and print each step.',
  details:
    'Makes a key, signs a first contact with a package key of the settings, and shows the answer with its links.\nThe device is registered as the app would register it. docs/app-protocol.md describes each step.',
  options,
  examples: [
    {
      line: 'app simulate --user alice --device-id 00008110000000013E40801E --connect 127.0.0.1 --ca certs/ca.crt',
      description: 'Alice’s phone in the evaluation',
    },
  ],
  async run(context) {
    const app = launcherFor(context)
    const answer = await reach(app.register(context.options.service))
    const registered = answer.status === 200
    const opened = registered && context.options.open ? await openLinks(app, answer) : []
    context.out.show({ keyid: app.keyid, status: answer.status, answer: parsed(answer.body), opened }, () =>
      [
        `The app’s key     ${app.keyid}`,
        ...toldBy(answer),
        ...opened.map(
          ({ url, status, body }) => `Opened            ${url}\n                  ${status} ${body}`,
        ),
      ].join('\n'),
    )
    return registered ? 0 : 1
  },
})

/** A refusal as it came; otherwise a line for each link. */
function toldBy({ status, body }: LauncherAnswer): readonly string[] {
  if (status !== 200) return [`First contact     ${status} ${body.trim()}`]
  const { device, links } = registeredBy(body)
  return [
    `First contact     ${status}, registered as ${device}`,
    ...links.map(({ service, url }) => `${`Link for ${service}`.padEnd(17)} ${url}`),
    'Each link is good once, for some minutes: open it in the client, and sign in as the app’s user.',
  ]
}

interface Registered {
  readonly device: string
  readonly links: readonly { readonly service: string; readonly url: string }[]
}

function registeredBy(body: string): Registered {
  return JSON.parse(body) as Registered // a gateway's own answer
}

function launcherFor(context: Context): Launcher {
  const { options, system } = context
  const settings = readSettings(context)
  if (settings.app === undefined) throw new CommandFailed('The settings have no section `app:`')
  const { company, packageKeys, minVersion } = settings.app
  const id = options['package-key'] ?? packageKeys[0]?.id
  const key = packageKeys.find((one) => one.id === id)
  if (key === undefined)
    throw new UsageError(
      `There is no package key ${id}; there are ${packageKeys.map((one) => one.id).join(', ')}`,
      'app simulate',
    )
  const platform = options.platform ?? 'ios'
  const listener = settings.gateway.listen[0]
  const usual = `${listener?.scheme}://${settings.gateway.hosts[0] ?? 'localhost'}:${listener?.port}`
  const { from, connect } = options
  return new Launcher({
    gateway: addressOf(options.gateway ?? usual),
    packageKey: { id: key.id, secret: key.secret.reveal() },
    configuration: {
      deviceId: needed(options['device-id'], '--device-id', 'app simulate'),
      deviceIdType: options['device-id-type'] ?? 'UDID',
      username: needed(options.user, '--user', 'app simulate'),
      companyName: company,
      ...(options['mdm-token'] !== undefined && { mdmToken: fileText(options['mdm-token']).trim() }),
    },
    platform,
    appVersion:
      options['app-version'] ?? Object.entries(minVersion).find(([name]) => name === platform)?.[1] ?? '1.0',
    now: system.now,
    ...(connect !== undefined && { address: connect }),
    ...(from !== undefined && { from }),
    ...(options.ca !== undefined && { ca: fileText(options.ca) }),
  })
}

function addressOf(text: string): URL {
  if (!URL.canParse(text))
    throw new UsageError(`${text} is no address such as https://register.example.com`, 'app simulate')
  return new URL(text)
}

async function openLinks(app: Launcher, { body }: LauncherAnswer) {
  const { links } = registeredBy(body)
  const opened = []
  for (const { url } of links) {
    const answer = await reach(app.send('GET', new URL(url), { accept: 'text/html' }))
    const title = /<title>([^<]*)/.exec(answer.body)?.[1]
    opened.push({ url, status: answer.status, body: title ?? answer.headers.location ?? '' })
  }
  return opened
}

async function reach(answer: Promise<LauncherAnswer>): Promise<LauncherAnswer> {
  try {
    return await answer
  } catch (cause) {
    throw new CommandFailed(
      `The gateway cannot be reached: ${cause instanceof Error ? cause.message : cause}`,
    )
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}
