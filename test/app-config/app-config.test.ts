import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import t from 'tap'
import {
  type AppConfiguration,
  appConfiguration,
  type Wanted,
  WrongValue,
} from '../../src/app-config/entries.ts'
import { formats } from '../../src/app-config/formats/table.ts'
import { type AppPlatform, appPlatforms, type FormatName } from '../../src/app-config/vendor.ts'
import { vendors } from '../../src/app-config/vendors/table.ts'
import { type Element, readXml } from '../helpers/strict-xml.ts'

/** What a company may be called, at its worst. */
const hostile = `A & B <script>"'</string></dict> ]]> --> %{$ \u202e\u2028 𝒳 é`

function wanted(vendor: Wanted['vendor'], platform: AppPlatform, changes: Partial<Wanted> = {}): Wanted {
  return {
    ...{
      vendor,
      platform,
      appId: 'com.example.gatehouse',
      company: hostile,
      defaultHost: 'register.example.com',
    },
    ...{ minimumVersion: '2.0', packageKeyId: '2026-01', packageKey: 'c2VjcmV0+/==', mdmToken: 'ghmt_token' },
    pingId: true,
    overrides: {},
    ...changes,
  }
}

/** Every vendor and platform with every format that fits. */
const all = vendors.flatMap((vendor) =>
  appPlatforms.flatMap((platform) => {
    const configuration = appConfiguration(wanted(vendor, platform))
    const names = (Object.keys(formats) as FormatName[]).filter((name) =>
      formats[name].platforms.includes(platform),
    )
    return names.map((format) => ({
      vendor,
      platform,
      format,
      configuration,
      text: formats[format].render(configuration),
    }))
  }),
)

function values({ entries }: AppConfiguration): Record<string, string> {
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]))
}

function only(format: FormatName) {
  return all.filter((one) => one.format === format)
}

function readDict({ name, children }: Element): Record<string, string> {
  if (name !== 'dict' || children.length % 2 !== 0) throw new Error('no dict')
  const read: Record<string, string> = {}
  for (let i = 0; i < children.length; i += 2) {
    const [key, value] = [children[i], children[i + 1]]
    if (key?.name !== 'key' || value?.name !== 'string' || key.text in read)
      throw new Error('no pair of key and string')
    read[key.text] = value.text
  }
  return read
}

t.test('the table and the folder of vendors agree', async (t) => {
  const files = readdirSync(new URL('../../src/app-config/vendors', import.meta.url)).filter(
    (file) => file !== 'table.ts',
  )
  t.strictSame(files.sort(), vendors.map(({ name }) => `${name}.ts`).sort())
})

t.test('a property list reads back as it was meant, whatever the company is called', async (t) => {
  for (const { vendor, configuration, text } of only('plist')) {
    const root = readXml(text)
    t.equal(root.name, vendor.bareDict ? 'dict' : 'plist', vendor.name)
    const dict = vendor.bareDict ? root : root.children[0]
    if (!vendor.bareDict) t.match(root, { attributes: { version: '1.0' }, children: { length: 1 } })
    t.strictSame(dict && readDict(dict), values(configuration))
  }
})

t.test('another reader of property lists reads the same', async (t) => {
  if (spawnSync('python3', ['-c', 'import plistlib']).status !== 0) return t.plan(0, 'python3 is not here')
  const program =
    'import plistlib,json,sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read(), fmt=plistlib.FMT_XML)))'
  for (const { vendor, configuration, text } of only('plist')) {
    const whole = vendor.bareDict ? `<plist version="1.0">${text}</plist>` : text
    const read = execFileSync('python3', ['-c', program], { input: whole, encoding: 'utf8' })
    t.strictSame(JSON.parse(read), values(configuration), vendor.name)
  }
})

t.test(
  'a specification has the elements of the AppConfig schema in its order, and no secret and no variable as a default',
  async (t) => {
    for (const { vendor, configuration, text } of only('appconfig')) {
      const root = readXml(text)
      t.equal(root.name, 'managedAppConfiguration')
      t.strictSame(
        root.children.map(({ name }) => name),
        ['version', 'bundleId', 'dict', 'presentation'],
        vendor.name,
      )
      const [version, bundleId, dict, presentation] = root.children
      t.match(version?.text, /^\d+$/)
      t.equal(bundleId?.text, 'com.example.gatehouse')
      const fixed = configuration.entries.filter(({ kind }) => kind === 'fixed').map(({ key }) => key)
      for (const { name, attributes, children } of dict?.children ?? []) {
        t.equal(name, 'string')
        t.strictSame(Object.keys(attributes), ['keyName'])
        const names = children.map((child) => child.name)
        t.strictSame(
          names,
          fixed.includes(attributes.keyName ?? '') ? ['defaultValue', 'constraint'] : ['constraint'],
        )
        const value = children[0]?.children[0]
        if (value !== undefined) t.equal(value.text, values(configuration)[attributes.keyName ?? ''])
      }
      const [group] = presentation?.children ?? []
      t.strictSame(presentation?.attributes, { defaultLocale: 'en-US' })
      t.match(group, { name: 'fieldGroup', children: [{ name: 'name', children: [{ name: 'language' }] }] })
      const fields = group?.children.slice(1) ?? []
      t.strictSame(
        fields.map(({ attributes }) => attributes.keyName),
        configuration.entries.map(({ key }) => key),
      )
      for (const { name, attributes, children } of fields) {
        t.match({ name, type: attributes.type }, { name: 'field', type: 'input' })
        t.strictSame(
          children.map((child) => child.name),
          ['label', 'description'],
        )
      }
    }
  },
)

t.test('JSON for Android has the form of Google’s managed properties, which Intune takes too', async (t) => {
  for (const { vendor, configuration, text } of only('json')) {
    const document = JSON.parse(text)
    t.strictSame(Object.keys(document), ['kind', 'productId', 'managedProperty'], vendor.name)
    t.match(document, {
      kind: 'androidenterprise#managedConfiguration',
      productId: 'app:com.example.gatehouse',
    })
    const expected = Object.entries(values(configuration)).map(([key, valueString]) => ({ key, valueString }))
    t.strictSame(document.managedProperty, expected)
  }
})

t.test('XML for Android is what Android declares, or what the vendor’s custom settings take', async (t) => {
  for (const { vendor, configuration, text } of only('xml')) {
    const root = readXml(text)
    if (vendor.androidXml === undefined) {
      t.match(root, {
        name: 'restrictions',
        attributes: { 'xmlns:android': 'http://schemas.android.com/apk/res/android' },
      })
      for (const child of root.children) {
        t.equal(child.name, 'restriction')
        t.strictSame(
          Object.keys(child.attributes).sort(),
          ['defaultValue', 'description', 'key', 'restrictionType', 'title'].map((name) => `android:${name}`),
        )
        t.equal(child.attributes['android:restrictionType'], 'string')
      }
      const read = root.children.map(({ attributes }) => [
        attributes['android:key'],
        attributes['android:defaultValue'],
      ])
      t.strictSame(Object.fromEntries(read), values(configuration), vendor.name)
    } else {
      t.match(root, {
        name: 'characteristic',
        attributes: {
          type: 'com.airwatch.android.androidwork.app:com.example.gatehouse',
          uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        },
      })
      const read = Object.fromEntries(
        root.children.map(({ attributes }) => [attributes.name, attributes.value]),
      )
      t.match(read, {
        companyName: hostile,
        deviceId: '{{DeviceUid}}|{{DeviceSerialNumber}}',
        username: '{{EnrollmentUser}}',
      })
    }
  }
})

t.test('each vendor’s variables are in their places, and what is not verified is said', async (t) => {
  const ios = Object.fromEntries(
    vendors.map((vendor) => [
      vendor.name,
      appConfiguration(wanted(vendor, 'ios', { company: 'Example Corp' })),
    ]),
  )
  const read = (name: string) => ios[name] && values(ios[name])
  t.match(read('intune'), {
    deviceId: '{{serialnumber}}|{{aaddeviceid}}',
    deviceIdType: 'SERIAL|ENTRA',
    username: '{{userprincipalname}}',
  })
  t.match(read('workspace-one'), { deviceId: '{DeviceUid}|{DeviceSerialNumber}', email: '{EmailAddress}' })
  t.match(read('mobileiron-cloud'), {
    deviceId: '$'.concat('{deviceUDID}|$', '{deviceSN}|$', '{deviceIMEI}'),
  })
  t.match(read('maas360'), { deviceId: '%imei%', deviceIdType: 'IMEI' })
  t.match(read('jamf'), { deviceId: '$UDID|$SERIALNUMBER', username: '$USERNAME' })
  t.strictSame(ios.intune?.toCheck, [])
  t.match(ios['mobileiron-core']?.toCheck, [
    /^deviceId: .*\$DEVICE_UDID\$.* not verified/,
    /^username: /,
    /^email: /,
  ])
  t.match(ios.blackberry?.toCheck.join('\n'), /%IOSUDID%/)
  for (const { configuration, text, format } of all)
    if (format !== 'json')
      for (const one of configuration.toCheck) t.match(text, `To check: ${one.split(':')[0]}`)
})

t.test(
  'a variable of the administrator’s own takes the vendor’s place, and is no longer to be checked',
  async (t) => {
    const core = vendors.find(({ name }) => name === 'mobileiron-core')!
    const overrides = { deviceId: '$MY_ID$', deviceIdType: 'SERIAL', username: '$USER_UPN$', email: '$MAIL$' }
    const configuration = appConfiguration(wanted(core, 'ios', { overrides, company: 'Example Corp' }))
    t.match(values(configuration), overrides)
    t.strictSame(configuration.toCheck, [])
    const chosen = appConfiguration(wanted(core, 'ios', { deviceIds: ['IMEI', 'SERIAL'] }))
    t.match(values(chosen), { deviceId: '$DEVICE_IMEI$|$DEVICE_SN$', deviceIdType: 'IMEI|SERIAL' })
    t.throws(
      () => appConfiguration(wanted(core, 'ios', { deviceIds: ['ENTRA'] })),
      /there are UDID, SERIAL, IMEI/,
    )
  },
)

t.test('a company’s name that an MDM would take for a variable is pointed out', async (t) => {
  const [one] = vendors
  t.match(appConfiguration(wanted(one!, 'ios', { company: '{DeviceUid} Ltd' })).toCheck, [
    /^companyName: holds characters/,
  ])
})

t.test('what no file can hold is refused, naming the key and not the value', async (t) => {
  const [one] = vendors
  for (const bad of ['', 'a\u0000b', 'a\nb', 'a\ud800b', 'a\uffff', 'x'.repeat(1001)])
    t.throws(() => appConfiguration(wanted(one!, 'ios', { packageKey: bad })), {
      name: 'WrongValue',
      message: /^packageKey [a-z0-9 ]+$/,
    })
  t.ok(new WrongValue('a', 'b') instanceof Error)
})

t.test('without its secrets a configuration has placeholders that nobody takes for secrets', async (t) => {
  const { packageKey: _, mdmToken: __, ...rest } = wanted(vendors[0]!, 'ios')
  t.match(values(appConfiguration(rest)), {
    packageKey: 'PACKAGE-KEY-GOES-HERE',
    mdmToken: 'MDM-TOKEN-GOES-HERE',
    PINGID_MDM_TOKEN: 'MDM-TOKEN-GOES-HERE',
  })
  t.notOk('PINGID_MDM_TOKEN' in values(appConfiguration({ ...rest, pingId: false })))
})
