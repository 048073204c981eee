import t from 'tap'
import { writePlist } from '../../src/lib/plist/write.ts'
import { eventually } from '../helpers/eventually.ts'
import { ask, form } from '../helpers/http-client.ts'
import {
  arrived,
  askProfiles,
  clip,
  codeFor,
  comesWhenPushed,
  enrolled,
  given,
  installation,
  prefix,
  staff,
} from '../helpers/profiles.ts'

t.test('a device that lacks a required profile is kept out until it has it again', async (t) => {
  const gatehouse = await installation(t, { 'staff.yaml': staff })
  const { store, gateway } = gatehouse
  const phone = await enrolled(gatehouse)
  await arrived(phone, 'staff')
  await store.mdmCommands.enqueue(
    {
      ...{ uuid: 'security', enrollment: phone.options.udid, requestType: 'SecurityInfo' },
      payload: writePlist({ RequestType: 'SecurityInfo' }),
    },
    { name: 'admin', why: 'is there a passcode?', at: Date.now() },
  )
  const { certificate: cert, key } = phone.identity!
  const target = { port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: '127.99.0.1', cert, key }
  const body = 'username=alice&password=wonderland'
  const cookie = await eventually(async () => {
    const answer = await ask({ ...target, path: '/login', method: 'POST', headers: form, body })
    return answer.status === 302 && answer.cookies.join('; ')
  })
  const posture = async () => (await store.registrations.list({ user: 'alice', limit: 1 }))[0]?.posture
  const messages = () => ask({ ...target, path: '/api/messages', headers: { cookie } })
  await eventually(async () => (await posture())?.state === 'compliant')
  t.equal((await messages()).status, 200)

  let sick = true
  phone.answer = ({ requestType }) => (requestType === 'InstallProfile' && sick ? 'not-now' : undefined)
  phone.profiles.delete(`${prefix}staff`)
  await askProfiles(gatehouse, phone)
  await eventually(async () => (await messages()).status === 403)
  t.match(await posture(), { state: 'noncompliant' })
  t.match(await messages(), { body: /localhost\.mdm\.profile\.staff is missing/ })

  await eventually(async () => {
    const [command] = await store.mdmCommands.list({
      enrollment: phone.options.udid,
      states: ['not-now'],
      limit: 1,
    })
    return command !== undefined
  })
  sick = false
  t.equal((await messages()).status, 403, 'promised is not installed')
  await phone.poll()
  await arrived(phone, 'staff')
  await eventually(async () => (await messages()).status === 200)
})

t.test(
  'a profile that waited while the device renewed its identity is sent again at once, for the new key',
  async (t) => {
    const gatehouse = await installation(t, {})
    const { store, device, browser } = gatehouse
    const phone = await device()
    await phone.install(await browser().profile(await codeFor(gatehouse, [])))
    await phone.poll()
    const { udid } = phone.options
    const row = async () => (await store.deviceProfiles.of([udid]))[0]
    gatehouse.write('help.yaml', `encrypted: true\n${clip('Help')}`)
    await eventually(async () => (await row())?.state === 'sent')
    const former = (await row())?.command ?? ''
    await phone.renewIdentity()
    await phone.poll()
    t.match(await store.mdmCommands.get(former), { state: 'error', errors: [{ code: 1009 }] })
    await eventually(async () => ((await row())?.command ?? former) !== former)
    t.match(await row(), { state: 'sent', attempts: 0 }, 'it was no failure of the profile')
    await phone.poll()
    await arrived(phone, 'help')
  },
)

t.test('a profile that a user took away comes back, a locked one cannot be taken away', async (t) => {
  const locked = clip('Rules').replace('name: help', 'name: rules\nremoval: locked')
  const gatehouse = await installation(t, { 'help.yaml': clip('Help'), 'rules.yaml': locked })
  const phone = await enrolled(gatehouse)
  await Promise.all([arrived(phone, 'help'), arrived(phone, 'rules')])
  t.throws(() => phone.removeProfile(`${prefix}rules`), /cannot be removed/)
  phone.removeProfile(`${prefix}help`)
  await askProfiles(gatehouse, phone)
  await arrived(phone, 'help')
  t.equal(given(phone, 'InstallProfile').length, 3)
})

t.test(
  'a device that can not now gets it later; what it refuses is shown, and tried again by and by',
  async (t) => {
    const gatehouse = await installation(t, { 'help.yaml': clip('Help') })
    const { store, device, browser, apns } = gatehouse
    const phone = await device()
    let mood: 'busy' | 'refuses' | 'well' = 'busy'
    const chain = [
      { code: 4001, domain: 'MCInstallationErrorDomain', text: 'The profile could not be installed.' },
      { code: 15_000, domain: 'MCWebClipErrorDomain', text: 'There are too many icons.' },
    ]
    phone.answer = ({ requestType }) => {
      if (requestType !== 'InstallProfile') return undefined
      return mood === 'busy' ? 'not-now' : mood === 'refuses' ? { error: chain } : undefined
    }
    comesWhenPushed(apns, phone)
    await phone.install(await browser().profile(await codeFor(gatehouse, [])))
    const { udid } = phone.options
    const row = async () => (await store.deviceProfiles.of([udid]))[0]
    await eventually(async () => {
      const [command] = await store.mdmCommands.list({ enrollment: udid, states: ['not-now'], limit: 1 })
      return command !== undefined
    })
    t.match(await row(), { state: 'sent', attempts: 0 }, 'it is no failure')
    mood = 'refuses'
    await phone.poll()
    const failed = await eventually(async () => {
      const now = await row()
      return now?.state === 'failed' ? now : undefined
    })
    t.ok(failed.dueAt! - failed.at === 3_600_000, 'an hour later')
    mood = 'well'
    await phone.poll()
    t.equal(given(phone, 'InstallProfile').at(-1)?.uuid, failed.command, 'and not at once')
    const words =
      /could not be installed.*MCInstallationErrorDomain 4001.*too many icons.*MCWebClipErrorDomain 15000/s
    t.match(await gatehouse.gatehouse('enroll', 'show', udid), words)
    t.match(await gatehouse.gatehouse('enroll', 'profile', 'list'), words)
    await gatehouse.gatehouse(
      'enroll',
      'profile',
      'push',
      'help',
      '--device',
      udid,
      '--why',
      'there is room now',
    )
    await arrived(phone, 'help')
  },
)
