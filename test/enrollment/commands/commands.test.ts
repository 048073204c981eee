import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { accessRightNames } from '../../../src/domain/access-rights.ts'
import { inventoryParts } from '../../../src/domain/enrollment.ts'
import { buildCommand, CommandMistake } from '../../../src/enrollment/commands/build.ts'
import type { CommandKeyType, CommandValues } from '../../../src/enrollment/commands/command.ts'
import { settingsItems } from '../../../src/enrollment/commands/settings.ts'
import { deviceCommands, findCommand } from '../../../src/enrollment/commands/table.ts'
import { readPlistDict } from '../../../src/lib/plist/read.ts'
import { real } from '../../../src/lib/plist/values.ts'
import { writePlist } from '../../../src/lib/plist/write.ts'
import { appleSchema } from '../apple-schema.ts'

const folder = new URL('../../../src/enrollment/commands/', import.meta.url).pathname
/** What is in the folder and is no command. */
const others = ['build', 'command', 'errors', 'request-command', 'table', 'to-json']

t.test('every file of the folder is a command of the table, and the other way round', async (t) => {
  const files = globSync('*.ts', { cwd: folder }).map((file) => file.replace('.ts', ''))
  const fileOf = (name: string) => name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()
  t.strictSame(
    files.filter((file) => !others.includes(file)).toSorted(),
    deviceCommands.map(({ name }) => fileOf(name)).toSorted(),
  )
})

t.test('the sixteen commands that are promised are there', async (t) => {
  const promised = [
    ...[
      'DeviceInformation',
      'SecurityInfo',
      'ProfileList',
      'InstallProfile',
      'RemoveProfile',
      'CertificateList',
    ],
    ...['InstalledApplicationList', 'DeviceLock', 'ClearPasscode', 'EraseDevice', 'RestartDevice'],
    ...[
      'ShutDownDevice',
      'InstallApplication',
      'RemoveApplication',
      'Settings',
      'ManagedApplicationConfiguration',
    ],
  ]
  t.strictSame(deviceCommands.map(({ name }) => name).toSorted(), promised.toSorted())
})

for (const command of deviceCommands) {
  t.test(`${command.name} keeps to its contract`, async (t) => {
    t.ok(command.summary.endsWith('.'))
    t.ok(command.right === undefined || accessRightNames.includes(command.right))
    const values = exampleOf(command.keys)
    const built = command.check?.(values) === undefined ? buildCommand(command, values) : undefined
    if (built !== undefined) {
      t.equal(built.RequestType, command.name)
      t.strictSame(readPlistDict(writePlist(built)), built, 'it travels as it is')
    }
    t.throws(() => buildCommand(command, { ...values, Unheard: true }), CommandMistake)
    for (const [name, key] of Object.entries(command.keys)) {
      t.throws(
        () => buildCommand(command, { ...values, [name]: real(0.5) }),
        CommandMistake,
        `${name}: another type`,
      )
      const { [name]: _left, ...rest } = values
      if (key.required && command.defaults?.[name] === undefined)
        t.throws(() => buildCommand(command, rest), CommandMistake, `${name} missing`)
    }
  })

  if (command.read !== undefined)
    t.test(`${command.name} reads an answer of any shape`, async (t) => {
      const name = command.name === 'DeviceInformation' ? 'QueryResponses' : answerKey(command.name)
      for (const answer of [{}, { [name]: 'text' }, { [name]: 1 }, { [name]: real(1) }, { [name]: [] }])
        t.doesNotThrow(() => command.read?.(answer))
      const dict = command.name === 'DeviceInformation' || command.name === 'SecurityInfo'
      const good = {
        Text: 'x',
        Deep: { Data: Buffer.from([0]), When: new Date(0), Real: real(1.5), Big: 2n ** 60n },
      }
      const read = command.read?.({ [name]: dict ? good : [good, 'odd', 7] })
      t.ok(read && inventoryParts.includes(read.part))
      const kept = {
        Text: 'x',
        Deep: { Data: 'AA==', When: '1970-01-01T00:00:00.000Z', Real: 1.5, Big: `${2n ** 60n}` },
      }
      t.strictSame(read?.values, dict ? kept : { list: [kept] })
      t.strictSame(JSON.parse(JSON.stringify(read?.values)), read?.values)
    })
}

function answerKey(name: string): string {
  return name === 'ManagedApplicationConfiguration' ? 'ApplicationConfigurations' : name
}

function exampleOf(keys: (typeof deviceCommands)[number]['keys']): CommandValues {
  const examples: Readonly<Record<CommandKeyType, CommandValues[string]>> = {
    string: '012345',
    integer: 1,
    boolean: true,
    data: Buffer.from([1]),
    strings: ['a'],
    dict: {},
    dicts: [{ Item: 'DeviceName' }],
  }
  const required = Object.entries(keys).filter(([, key]) => key.required)
  return Object.fromEntries(required.map(([name, key]) => [name, key.values?.[0] ?? examples[key.type]]))
}

interface AppleKey {
  readonly key: string
  readonly type: string
  readonly presence?: string
  readonly rangelist?: readonly (string | number)[]
  readonly subkeys?: readonly AppleKey[]
}

interface AppleCommand {
  readonly payload: {
    readonly requesttype: string
    readonly supportedOS?: { readonly iOS?: { readonly supervised?: boolean } }
  }
  readonly payloadkeys?: readonly AppleKey[]
}

const appleTypes: Readonly<Record<CommandKeyType, string>> = {
  string: '<string>',
  integer: '<integer>',
  boolean: '<boolean>',
  data: '<data>',
  strings: '<array>',
  dict: '<dictionary>',
  dicts: '<array>',
}

/** What Apple's schema says of these commands (release iOS 18.1), for where it is not at hand: keys, `!` required. */
const facts: Readonly<Record<string, string>> = {
  DeviceInformation: 'Queries! DeviceAttestationNonce',
  SecurityInfo: '',
  ProfileList: 'ManagedOnly',
  CertificateList: 'ManagedOnly',
  InstalledApplicationList: 'Identifiers ManagedAppsOnly Items',
  ManagedApplicationConfiguration: 'Identifiers!',
  InstallProfile: 'Payload!',
  RemoveProfile: 'Identifier!',
  InstallApplication:
    'iTunesStoreID Identifier ManifestURL ManagementFlags Configuration Attributes Options ChangeManagementState InstallAsManaged iOSApp',
  RemoveApplication: 'Identifier!',
  Settings: 'Settings!',
  DeviceLock: 'Message PhoneNumber PIN',
  ClearPasscode: 'UnlockToken!',
  RestartDevice: 'NotifyUser RebuildKernelCache KextPaths',
  ShutDownDevice: '',
  EraseDevice: 'PreserveDataPlan DisallowProximitySetup PIN ObliterationBehavior ReturnToService',
}

t.test('keys and what is required agree with Apple’s list of them', async (t) => {
  for (const { name, keys, unlocks } of deviceCommands) {
    const ours = Object.entries(keys).map(([key, { required }]) => (required ? `${key}!` : key))
    const all = unlocks ? [...ours, 'UnlockToken!'] : ours
    t.strictSame(all.toSorted(), (facts[name] ?? '?').split(' ').filter(Boolean).toSorted(), name)
  }
})

const schema = appleSchema()
if (schema === undefined) {
  t.comment(
    'GATEHOUSE_APPLE_SCHEMA names no clone of github.com/apple/device-management: only the facts above were checked',
  )
} else {
  const commandFiles = globSync('mdm/commands/*.yaml', { cwd: schema })
  const apple = new Map(
    commandFiles.map((file) => {
      // The schema is Apple's own, of this shape.
      const document = parse(readFileSync(join(schema, file), 'utf8')) as AppleCommand
      return [document.payload.requesttype, document]
    }),
  )

  t.test('Apple’s schema says the same: keys, types, what is required, what is allowed', async (t) => {
    for (const { name, keys, unlocks } of deviceCommands) {
      const document = apple.get(name)
      t.ok(document, name)
      const theirs = new Map((document?.payloadkeys ?? []).map((key) => [key.key, key]))
      for (const [key, { type, required, values }] of Object.entries(keys)) {
        const known = theirs.get(key)
        t.equal(known?.type, appleTypes[type], `${name}.${key}`)
        t.equal(known?.presence === 'required', required === true, `${name}.${key} required`)
        for (const value of values ?? [])
          if (value !== 0)
            t.ok(known?.rangelist === undefined || known.rangelist.includes(value), `${name}.${key} ${value}`)
      }
      const left = [...theirs.keys()].filter((key) => !Object.hasOwn(keys, key))
      const own = name === 'ManagedApplicationConfiguration' ? ['ApplicationConfigurations'] : []
      const missing = left.filter((key) => !own.includes(key) && !(unlocks && key === 'UnlockToken'))
      t.strictSame(
        missing.filter((key) => theirs.get(key)?.presence === 'required'),
        [],
        `${name}: nothing required is left out`,
      )
    }
  })

  t.test('the items of Settings are Apple’s', async (t) => {
    const items = apple.get('Settings')?.payloadkeys?.[0]?.subkeys?.[0]
    const names = (apple.get('Settings')?.payloadkeys?.[0]?.subkeys ?? []).map(({ key }) => key)
    t.ok(items)
    t.strictSame(
      names.filter((name) => !settingsItems.includes(name)),
      [],
    )
  })

  t.test('every command of Apple’s is either in the table or goes as a raw property list', async (t) => {
    t.ok(apple.size > 50)
    t.ok([...apple.keys()].every((name) => findCommand(name) !== undefined || /^[A-Za-z]{1,64}$/.test(name)))
  })
}

t.test('a setting that Apple does not have is not sent', async (t) => {
  const settings = findCommand('Settings')
  t.throws(
    () => settings && buildCommand(settings, { Settings: [{ Item: 'Colour' }] }),
    /Colour is not an Item/,
  )
})
