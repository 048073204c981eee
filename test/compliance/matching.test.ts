import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { matchRegistration } from '../../src/compliance/match.ts'
import { posturesOf } from '../../src/compliance/posture.ts'
import { aliasesOf } from '../../src/compliance/user-names.ts'
import type { DeviceDescription } from '../../src/domain/client-identity.ts'
import type { DeviceIds } from '../../src/domain/device-ids.ts'
import type { ManagedDevice } from '../../src/domain/managed-device.ts'
import { unknownPosture } from '../../src/domain/posture.ts'
import type { Registration } from '../../src/domain/registration.ts'
import { parseDuration } from '../../src/lib/units.ts'

const now = 1_800_000_000_000
const hour = 3_600_000

interface Client extends DeviceDescription {
  readonly user?: string
  readonly ids?: DeviceIds
  readonly linked?: string
  readonly registered?: string
}

interface Reported extends Partial<Omit<ManagedDevice, 'user'>>, DeviceIds {
  readonly id: string
  readonly user?: string | null
  readonly upn?: string
  readonly email?: string
}

interface Case {
  readonly name: string
  readonly client: Client
  readonly devices: readonly Reported[]
  readonly expect: string
  readonly posture?: string
}

function registrationOf({ user = 'ann', ids, linked, registered = '1h', ...device }: Client): Registration {
  return {
    id: 'r_1',
    service: 'mail',
    user,
    binding: 'cookie',
    device,
    ...(ids && { deviceIds: ids }),
    evidence: [],
    networks: [],
    rule: 'Wi-Fi',
    source: '127.20.0.5',
    registeredAt: now - parseDuration(registered)!,
  }
}

function deviceOf(reported: Reported): ManagedDevice {
  const {
    id,
    user = 'ann',
    upn,
    email,
    udid,
    serial,
    imei,
    meid,
    easDeviceId,
    entraDeviceId,
    ...rest
  } = reported
  const given = { udid, serial, imei, meid, easDeviceId, entraDeviceId }
  return {
    vendor: 'mdm',
    vendorDeviceId: id,
    ids: Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    user: { ...(user !== null && { name: user }), ...(upn && { upn }), ...(email && { email }) },
    platform: 'ios',
    management: 'managed',
    compliance: 'compliant',
    lastSeen: now - 2 * hour,
    reasons: [],
    ...rest,
  }
}

const table = parse(readFileSync(join(import.meta.dirname, 'matching.yaml'), 'utf8')) as {
  readonly aliases: readonly (readonly string[])[]
  readonly cases: readonly Case[]
}

for (const { name, client, devices, expect, posture } of table.cases)
  t.test(name, async (t) => {
    const registration = registrationOf(client)
    const known = devices.map(deviceOf)
    const aliases = aliasesOf(table.aliases)
    const linked = client.linked === undefined ? undefined : { vendor: 'mdm', vendorDeviceId: client.linked }
    const found = matchRegistration(registration, known, { aliases, now, ...(linked && { linked }) })
    const which =
      found.match === 'exact' || found.match === 'likely' ? ` ${found.devices[0]?.vendorDeviceId}` : ''
    t.equal(`${found.match}${which}`, expect)
    const postures = posturesOf(
      {
        registrations: [{ version: 1, registration, posture: unknownPosture }],
        devices: known.map((device) => ({ ...device, learntAt: now })),
        links: new Map(linked ? [['r_1', linked]] : []),
        approved: new Set(),
        unread: [],
      },
      { aliases, grace: 'allow', maxSilence: undefined, surplus: 'refuse' },
      now,
    )
    if (posture !== undefined) t.equal(postures.get('r_1')?.state, posture)
  })

t.test('the table has a case for each kind of match', async (t) => {
  const kinds = new Set(table.cases.map(({ expect }) => expect.split(' ')[0]))
  t.same([...kinds].sort(), ['ambiguous', 'exact', 'likely', 'none'])
})
