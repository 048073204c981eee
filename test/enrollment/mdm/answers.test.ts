import t from 'tap'
import type { Enrollment } from '../../../src/domain/enrollment.ts'
import { leave, refusal } from '../../../src/enrollment/mdm/answers.ts'
import { enqueue, mdmUnderTest } from './support.ts'

t.test('a device that is refused for our own sake is told when to come again', (t) => {
  t.strictSame(refusal(503, 'record.unavailable').headers, [['Retry-After', '60']])
  t.equal(refusal(403, 'certificate.revoked').headers, undefined)
  t.end()
})

t.test('only systems that understand the gentle order to leave are given it', (t) => {
  // The part of it that counts here.
  const of = (platform: 'macos' | 'ios' | 'ipados' | 'tvos', osVersion?: string) =>
    leave({ id: 'U1', device: { platform, ...(osVersion && { osVersion }) } } as Enrollment).status
  for (const [platform, osVersion] of [
    ...([
      ['macos', '14.0'],
      ['macos', '15'],
      ['ios', '17.0'],
      ['ipados', '26.1'],
    ] as const),
  ])
    t.equal(of(platform, osVersion), 403, `${platform} ${osVersion}`)
  for (const [platform, osVersion] of [
    ...([
      ['macos', '13.6.9'],
      ['macos', '10.15'],
      ['ios', '16.7'],
      ['tvos', '18.0'],
      ['ios', 'x'],
    ] as const),
  ])
    t.equal(of(platform, osVersion), 401, `${platform} ${osVersion}`)
  t.equal(of('macos'), 401)
  t.end()
})

t.test('what stands beside an error is no answer: the inventory keeps what it had', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  const answer = async (uuid: string, status: string, OSVersion: string) => {
    await enqueue(store, 'U1', { RequestType: 'DeviceInformation', Queries: ['OSVersion'] }, uuid)
    await phone.report('Idle')
    await phone.report(status, { CommandUUID: uuid, QueryResponses: { OSVersion } })
    const { 'device-information': known } = await store.enrollments.inventory('U1')
    return known?.values.OSVersion
  }
  t.equal(await answer('c1', 'Acknowledged', '18.2'), '18.2')
  t.equal(await answer('c2', 'Error', '9.9'), '18.2')
})
