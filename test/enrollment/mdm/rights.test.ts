import t from 'tap'
import {
  type AccessRightName,
  accessRightNames,
  accessRightsValue,
} from '../../../src/domain/access-rights.ts'
import { CommandMistake } from '../../../src/enrollment/commands/build.ts'
import { requestCommand } from '../../../src/enrollment/commands/request-command.ts'
import { type MdmUnderTest, mdmUnderTest, start } from './support.ts'

const by = { name: 'root', why: 'test', at: start }

/** A device whose profile has asked for these rights; not known for those that enrolled before it was written down. */
async function enrolled({ store, device }: MdmUnderTest, udid: string, accessRights: number | undefined) {
  const challenge = `challenge of ${udid} ${accessRights}`
  await store.scepChallenges.add({
    ...{ hash: challenge, enrollment: udid, createdAt: start, expiresAt: start + 1000 },
    ...(accessRights !== undefined && { accessRights }),
  })
  const phone = await device(udid, { challenge })
  await phone.enroll()
  const request = async (name: string, rights: readonly AccessRightName[] = accessRightNames) => {
    const enrollment = (await store.enrollments.get(udid))!
    const command = { name, values: {} }
    const confirmSerial = enrollment.device.serial ?? udid
    await requestCommand({ enrollment, command, uuid: `${name} ${udid}`, rights, confirmSerial }, store, by)
  }
  return { phone, request }
}

t.test(
  'what a device was asked for when it enrolled is what counts, whatever the settings ask for now',
  async (t) => {
    const mdm = await mdmUnderTest(t)
    const few = await enrolled(mdm, 'U1', accessRightsValue(['device-information', 'security']))
    t.equal((await mdm.store.enrollments.get('U1'))?.accessRights, 16 + 1024)
    await t.rejects(
      few.request('EraseDevice'),
      new CommandMistake(
        'EraseDevice needs the access right erase, which this device was not asked for when it enrolled',
      ),
    )
    await few.request('SecurityInfo', [])
    const before = await enrolled(mdm, 'U2', undefined)
    await before.request('DeviceLock')
    await t.rejects(
      before.request('EraseDevice', ['security']),
      CommandMistake,
      'the settings, where it is not known',
    )
  },
)

t.test('a device that enrolls anew has the rights of its new profile', async (t) => {
  const mdm = await mdmUnderTest(t)
  const { phone, request } = await enrolled(mdm, 'U1', accessRightsValue(['erase']))
  await request('EraseDevice')
  await phone.enroll()
  t.equal((await mdm.store.enrollments.get('U1'))?.accessRights, 8, 'with the same identity: the same')
  const again = await enrolled(mdm, 'U1', accessRightsValue(['security']))
  await t.rejects(again.request('EraseDevice'), CommandMistake)
})

t.test('a device that belongs to its user is not erased, unlocked, restarted or shut down', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  const known = (await store.enrollments.get('U1'))!
  const request = (name: string, platform: 'ios' | 'macos') =>
    requestCommand(
      {
        enrollment: { ...known, kind: 'user-enrollment', unlockable: true, device: { platform } },
        ...{ command: { name, values: {} }, uuid: `${name} ${platform}`, rights: accessRightNames },
        confirmSerial: known.id,
      },
      store,
      by,
    )
  for (const name of ['EraseDevice', 'ClearPasscode', 'RestartDevice', 'ShutDownDevice'])
    await t.rejects(request(name, 'ios'), /belongs to its user/, name)
  for (const name of ['DeviceLock', 'InstalledApplicationList', 'SecurityInfo']) await request(name, 'ios')
  await t.rejects(request('DeviceLock', 'macos'), /belongs to its user/)
  await t.rejects(request('InstalledApplicationList', 'macos'), /belongs to its user/)
})

t.test('what is for the device is not sent to one person’s channel of it', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const mac = await device('MAC-1')
  await mac.enroll()
  await mac.checkIn('TokenUpdate', {
    ...{ UserID: 'U', UserShortName: 'ann', Topic: 'com.apple.mgmt.External.0000' },
    ...{ Token: Buffer.alloc(32), PushMagic: 'm' },
  })
  const enrollment = (await store.enrollments.get('MAC-1:U'))!
  const request = (name: string) =>
    requestCommand(
      {
        ...{ enrollment, command: { name, values: {} }, uuid: name, rights: accessRightNames },
        confirmSerial: enrollment.id,
      },
      store,
      by,
    )
  await t.rejects(request('EraseDevice'), /name the device, MAC-1/)
  await t.rejects(request('DeviceLock'), /name the device, MAC-1/)
  await request('ProfileList')
})

t.test(
  'a device whose serial number is a placeholder is erased by that alone, and by no other',
  async (t) => {
    const { store, device } = await mdmUnderTest(t)
    const phone = await device('U1')
    await phone.enroll()
    const known = (await store.enrollments.get('U1'))!
    const enrollment = { ...known, ids: {}, device: { serial: 'Not Available' } }
    const erase = (confirmSerial: string) =>
      requestCommand(
        {
          ...{ enrollment, command: { name: 'EraseDevice', values: {} }, uuid: 'erase', confirmSerial },
          rights: accessRightNames,
        },
        store,
        by,
      )
    for (const typed of ['unknown', '-', '', '000000000000'])
      await t.rejects(erase(typed), CommandMistake, typed)
    await erase('Not Available')
  },
)
