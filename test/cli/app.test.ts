import t from 'tap'
import { contact } from '../store/contract/app-devices.ts'
import { installation, json } from './support.ts'

t.test('apps are listed and revoked, one by one or all of a package key that has leaked', async (t) => {
  const { here, openStore } = installation(t)
  const store = await openStore()
  t.match(await here('app', 'list'), { code: 0, stdout: /No apps/ })
  await store.appDevices.admit(contact('d_1'))
  await store.appDevices.admit(contact('d_2', { packageKey: '2026-02' }))
  await store.appDevices.admit(contact('d_3'))
  t.match(
    (await here('app', 'list')).stdout,
    /d_1 +ann +ios +2\.1 +2026-01 .* 0 +active +udid UDID0001, imei 3569/,
  )
  t.match(await here('app', 'revoke', 'd_1'), { code: 2, stderr: /--why is missing/ })
  t.match(await here('app', 'revoke', '--why', 'x'), { code: 2, stderr: /either an ID or --package-key/ })
  t.match(await here('app', 'revoke', 'd_none', '--why', 'x'), { code: 1, stderr: /There is no app d_none/ })
  t.match(await here('app', 'revoke', 'd_1', '--why', 'lost'), {
    code: 0,
    stdout: /Revoked d_1; 0 registrations/,
  })
  t.match((await here('app', 'revoke', 'd_1', '--why', 'lost')).stdout, 'had been revoked already')
  const all = await here('app', 'revoke', '--package-key', '2026-01', '--why', 'leaked', '--json')
  t.match(json(all), { revoked: [{ device: { id: 'd_3', revoked: { why: 'leaked', by: 'tester' } } }] })
  t.match(json(await here('app', 'list', '--active', '--json')).devices, [{ id: 'd_2', registrations: 0 }])
  t.match(await store.audit.list({ limit: 9, subject: 'd_3' }), [
    { action: 'app.admitted' },
    { action: 'app.revoked', actor: 'tester', why: 'leaked' },
  ])
})
