import t, { type Test } from 'tap'
import { startMobileironCore } from '../../sim/vendors/mobileiron-core.ts'
import { simulatedCredentials } from '../../sim/vendors/vendor-simulation.ts'

async function vendor(t: Test) {
  const simulation = await startMobileironCore({ port: 0, devices: 3 })
  t.teardown(() => simulation.close())
  const control = async (method: string, path: string, body?: object) => {
    const answer = await fetch(simulation.controlUrl + path, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as unknown }
  }
  const { user, password } = simulatedCredentials
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const list = async () => {
    const query = 'adminDeviceSpaceId=1&query=&fields=common.id,common.compliant,user.user_id'
    const answer = await fetch(`${simulation.url}/api/v2/devices?${query}`, { headers: { authorization } })
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  }
  return { simulation, control, list }
}

t.test('a device is changed, added and removed over HTTP, and the vendor’s list shows it', async (t) => {
  const { control, list } = await vendor(t)
  await control('PATCH', '/devices/1002', { compliance: 'noncompliant' })
  await control('PUT', '/devices/2000', { user: 'alice' })
  await control('DELETE', '/devices/1001')
  const { results } = JSON.parse((await list()).text)
  t.strictSame(results, [
    { 'common.id': 1002, 'common.compliant': false, 'user.user_id': 'user2' },
    { 'common.id': 1003, 'common.compliant': true, 'user.user_id': 'user3' },
    { 'common.id': 2000, 'common.compliant': true, 'user.user_id': 'alice' },
  ])
  t.equal((await control('PATCH', '/devices/9999', {})).status, 404)
  t.match((await control('POST', '/fleet', { count: 10 })).body, { devices: 13 })
})

t.test('faults are set and taken back over HTTP', async (t) => {
  const { control, list } = await vendor(t)
  await control('PUT', '/faults', { throttle: { times: 1, retryAfter: '7' } })
  const throttled = await list()
  t.equal(throttled.status, 429)
  t.equal(throttled.headers.get('retry-after'), '7')
  t.equal((await list()).status, 200)
  await control('PUT', '/faults', { page: { number: 1, as: 'html' } })
  t.match((await list()).text, /^<!DOCTYPE html>/)
  await control('DELETE', '/faults')
  t.match((await list()).text, /^\{"results":/)
})

t.test('the control API has its own port, so that nothing of it stands in the vendor’s', async (t) => {
  const { simulation } = await vendor(t)
  t.not(new URL(simulation.url).port, new URL(simulation.controlUrl).port)
  t.equal((await fetch(`${simulation.url}/devices`)).status, 401)
})
