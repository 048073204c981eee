import {
  type AppConfiguration,
  appConfiguration,
  overridableKeys,
  WrongValue,
} from '../../app-config/entries.ts'
import { defaultFormat, formats } from '../../app-config/formats/table.ts'
import { formatNamesFor } from '../../app-config/reference.ts'
import {
  appPlatforms,
  type DeviceIdType,
  deviceIdTypes,
  type FormatName,
  formatNames,
} from '../../app-config/vendor.ts'
import { vendors } from '../../app-config/vendors/table.ts'
import { isActive } from '../../domain/mdm-token.ts'
import { tokenHasher, tokenPepper } from '../../evidence/mdm-token/hash.ts'
import { systemRandom } from '../../lib/random.ts'
import type { Settings } from '../../settings/settings.ts'
import { RecordUnavailable } from '../../store/errors.ts'
import { type CommandContext, type CommandOptions, defineCommand, type ExitCode } from '../command.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import { writePrivateFile } from '../private-file.ts'
import { withRecord } from '../record.ts'
import { readSecretFile } from '../secret-file.ts'
import { readSettings } from '../settings-file.ts'

const options = {
  vendor: {
    type: 'text',
    value: 'NAME',
    oneOf: vendors.map(({ name }) => name),
    description: `The MDM: ${vendors.map(({ name }) => name).join(', ')}.`,
  },
  platform: { type: 'text', value: 'PLATFORM', oneOf: appPlatforms, description: 'ios or android.' },
  format: {
    type: 'text',
    value: 'FORMAT',
    oneOf: formatNames,
    description: 'plist (values) or appconfig (form) for ios; json (values) or xml for android.',
  },
  'device-id': {
    type: 'list',
    value: 'KIND',
    description: `An id of the device: ${deviceIdTypes.join(', ')}; several times for several. All verified ones unless given.`,
  },
  set: {
    type: 'list',
    value: 'KEY=VALUE',
    description: `Another variable than the vendor’s own, for ${overridableKeys.join(', ')}.`,
  },
  'with-secrets': {
    type: 'flag',
    description: 'Put in the package key, and the MDM token of --token-file. Otherwise placeholders.',
  },
  key: {
    type: 'text',
    value: 'ID',
    description: 'Which package key; the last of `app.packageKeys` unless given.',
  },
  'token-file': {
    type: 'text',
    value: 'PATH',
    description:
      'The MDM token, as `token create` has shown it; - for standard input. One that is not active here is refused.',
  },
  pingid: { type: 'flag', description: 'The token under PingID’s name as well (PINGID_MDM_TOKEN).' },
  output: {
    type: 'text',
    value: 'PATH',
    short: 'o',
    description: 'Write it to this file, which only you can read.',
  },
} as const satisfies CommandOptions

type Context = CommandContext<typeof options>

export const appConfigCommand = defineCommand({
  name: 'app-config',
  summary: 'Write the company app’s configuration for an MDM, with that MDM’s variables for device and user.',
  details: `What must be checked on a device before the roll-out goes to standard error: variables that no document of the
vendor confirms. docs/reference/app-config.md lists them all.`,
  options,
  examples: [
    { line: 'app-config --vendor intune --platform ios', description: 'To look at' },
    {
      line: 'app-config --vendor workspace-one --platform android --format xml --with-secrets --token-file token.txt -o app.xml',
      description: 'To upload',
    },
    {
      line: "app-config --vendor generic --platform ios --set 'deviceId=%DEVICEIDENTIFIER%' --set deviceIdType=UDID --set 'username=%ENROLLEDUSER_USERNAME%'",
      description: 'For an MDM that is not in the list',
    },
  ],
  async run(context): Promise<ExitCode> {
    const settings = readSettings(context)
    const token = tokenOf(context.options)
    if (token !== undefined) await checkActive(token, context)
    const configuration = configure(context, settings, token)
    const format = formatFor(context)
    const text = formats[format].render(configuration)
    for (const one of configuration.toCheck) context.out.warn(`to check: ${one}`)
    const { vendor, platform } = configuration
    const { output } = context.options
    if (output !== undefined) writePrivateFile(output, text)
    const where = vendor.where[platform]
    const facts = { vendor: vendor.name, platform, format, where, toCheck: configuration.toCheck }
    context.out.show({ ...facts, ...(output === undefined ? { text } : { output }) }, () =>
      output === undefined ? text : `${output} is for ${vendor.title}: ${where}.`,
    )
    return 0
  },
})

/** A token that lets nobody in is not rolled out. @throws CommandFailed */
async function checkActive(token: string, context: Context): Promise<void> {
  const now = context.system.now()
  const standing = await withRecord(context, async ({ keys, mdmTokens }) => {
    const hash = tokenHasher(await keys.getOrCreate(tokenPepper, systemRandom().secret))(token)
    const found = (await mdmTokens.list()).find((one) => one.hash === hash)
    if (found === undefined) return 'unknown'
    return isActive(found, now) ? 'active' : 'no longer active'
  }).catch((error: unknown) => {
    if (!(error instanceof CommandFailed || error instanceof RecordUnavailable)) throw error
    context.out.warn(`whether the token is active could not be looked up: ${error.message}`)
    return 'active'
  })
  if (standing === 'active') return
  const file = context.options['token-file']
  throw new CommandFailed(
    `The token of ${file} is ${standing} here, and would let nobody in: \`gatehouse token list\``,
  )
}

function configure(
  { options }: Context,
  { app, appConfig, gateway }: Settings,
  token: string | undefined,
): AppConfiguration {
  const vendor = vendors.find(({ name }) => name === options.vendor)
  const platform = appPlatforms.find((name) => name === options.platform)
  if (vendor === undefined) throw new UsageError('--vendor is missing', 'app-config')
  if (platform === undefined) throw new UsageError('--platform is missing: ios or android', 'app-config')
  if (app === undefined)
    throw new CommandFailed('The settings have no `app:` section: there is no company app')
  const key =
    options.key === undefined ? app.packageKeys.at(-1) : app.packageKeys.find(({ id }) => id === options.key)
  if (key === undefined)
    throw new UsageError(
      `There is no package key ${options.key}; there are ${app.packageKeys.map(({ id }) => id).join(', ')}`,
      'app-config',
    )
  const defaultHost = appConfig.defaultHost ?? gateway.hosts[0]
  if (defaultHost === undefined)
    throw new CommandFailed('The settings have no `appConfig.defaultHost`, and `gateway.hosts` is empty')
  const minimumVersion = app.minVersion[platform]
  try {
    return appConfiguration({
      vendor,
      platform,
      defaultHost,
      appId: appConfig.appId[platform],
      company: app.company,
      packageKeyId: key.id,
      pingId: options.pingid,
      overrides: { ...appConfig.values[vendor.name], ...overridesOf(options.set) },
      ...(minimumVersion !== undefined && { minimumVersion }),
      ...(options['device-id'].length > 0 && { deviceIds: options['device-id'].map(deviceIdType) }),
      ...(options['with-secrets'] && { packageKey: key.secret.reveal() }),
      ...(token !== undefined && { mdmToken: token }),
    })
  } catch (error) {
    if (error instanceof WrongValue) throw new UsageError(error.message, 'app-config')
    throw error
  }
}

function tokenOf({
  'token-file': file,
  'with-secrets': withSecrets,
}: Context['options']): string | undefined {
  if (file === undefined) return undefined
  if (withSecrets) return readSecretFile(file)
  throw new UsageError(
    '--token-file goes with --with-secrets: nothing secret is written otherwise',
    'app-config',
  )
}

function formatFor({ options: { format, platform } }: Context): FormatName {
  const asked = formatNames.find((name) => name === format)
  const target = appPlatforms.find((name) => name === platform) ?? 'ios'
  if (asked === undefined) return defaultFormat(target)
  const fitting = formatNamesFor(target)
  if (fitting.includes(asked)) return asked
  throw new UsageError(
    `--format ${asked} is not for ${target}; there are ${fitting.join(', ')}`,
    'app-config',
  )
}

function deviceIdType(text: string): DeviceIdType {
  const found = deviceIdTypes.find((type) => type === text.toUpperCase())
  if (found !== undefined) return found
  throw new UsageError(`--device-id must be one of ${deviceIdTypes.join(', ')}, not '${text}'`, 'app-config')
}

function overridesOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((pair) => {
      const equals = pair.indexOf('=')
      const key = overridableKeys.find((name) => name === pair.slice(0, equals))
      if (key !== undefined) return [key, pair.slice(equals + 1)]
      throw new UsageError(
        `--set must be KEY=VALUE with one of ${overridableKeys.join(', ')}, not '${pair}'`,
        'app-config',
      )
    }),
  )
}
