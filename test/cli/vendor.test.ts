import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { simulatedDevice } from '../../sim/vendors/fleet.ts'
import { counterparts } from '../../sim/vendors/table.ts'
import { simulatedCredentials } from '../../sim/vendors/vendor-simulation.ts'
import type { Registration } from '../../src/domain/registration.ts'
import { installation, plainSettings } from './support.ts'

const phone = { platform: 'ios', model: 'iPhone 13', modelCode: 'iPhone14,5', osVersion: '18.1' } as const

const registration: Registration = {
  id: 'r_ann',
  service: 'chat',
  user: 'ann',
  binding: 'cookie',
  device: { type: 'iPhone', platform: 'ios', osVersion: '18.1' },
  evidence: ['network'],
  networks: ['wifi'],
  rule: 'Wi-Fi',
  source: '10.20.0.5',
  registeredAt: Date.now() - 3_600_000,
}

/** Ann has two phones of the same kind, one of them out of compliance. */
async function connected(t: Test) {
  const { start, settings } = counterparts['workspace-one']
  const simulation = await start({ port: 0, devices: 0 })
  t.teardown(() => simulation.close())
  const owner = { ...phone, user: 'ann', email: 'ann@example.com' }
  simulation.fleet.add(simulatedDevice(1, Date.now(), { ...owner, id: '1', reasons: [] }))
  simulation.fleet.add(
    simulatedDevice(2, Date.now(), {
      ...owner,
      id: '2',
      compliance: 'noncompliant',
      reasons: ['No passcode'],
    }),
  )
  const secrets = installation(t)
  const vendor = JSON.stringify({ name: 'ws1', ...settings(simulation.url) }).replaceAll(
    /\{"env":"(\w+)"\}/g,
    (_all, name: keyof typeof simulatedCredentials) => {
      const file = join(secrets.folder, name)
      writeFileSync(file, simulatedCredentials[name], { mode: 0o600 })
      return JSON.stringify({ file })
    },
  )
  const here = installation(t, { settings: `${plainSettings}compliance: { vendors: [${vendor}] }\n` })
  const store = await here.openStore()
  await store.registrations.register(registration, [{ binding: 'cookie', hash: 'ann' }], 10)
  const posture = async () => (await store.registrations.get('r_ann'))?.posture
  return { ...here, store, simulation, posture }
}

t.test('an administrator links a client to one of two phones, and takes it back', async (t) => {
  const { here, posture, store } = await connected(t)
  t.match(await here('vendor', 'poll', 'ws1'), { code: 0 })
  t.match(await posture(), { state: 'noncompliant', match: 'ambiguous' })
  const linked = await here('vendor', 'link', 'r_ann', 'ws1', '1', '--why', 'the serial was read aloud')
  t.match(linked, { code: 0, stdout: /Linked r_ann to 1 of ws1/ })
  t.match(await here('vendor', 'poll', 'ws1'), { code: 0 })
  t.match(await posture(), { state: /^compliant$/, match: 'exact', device: /^1$/ })
  t.match(await here('vendor', 'unlink', 'r_ann', '--why', 'mistake'), { code: 0, stdout: /matched again/ })
  t.match(await here('vendor', 'unlink', 'r_ann', '--why', 'mistake'), { code: 0, stdout: /was not linked/ })
  t.match(await here('vendor', 'poll', 'ws1'), { code: 0 })
  t.match(await posture(), { state: 'noncompliant', match: 'ambiguous' })
  const events = await store.audit.list({ subject: 'r_ann', limit: 100 })
  t.match(
    events.filter(({ action }) => /linked/.test(action)),
    [
      {
        action: 'device.linked',
        actor: 'tester',
        why: 'the serial was read aloud',
        details: { device: /^1$/ },
      },
      { action: 'device.unlinked', actor: 'tester', why: 'mistake' },
    ],
  )
})

t.test('what is not there is not linked', async (t) => {
  const { here } = await connected(t)
  await here('vendor', 'poll', 'ws1')
  t.match(await here('vendor', 'link', 'r_ann', 'ws1', '9', '--why', 'x'), {
    code: 1,
    stderr: /ws1 has not reported a device 9/,
  })
  t.match(await here('vendor', 'link', 'r_ann', 'intune', '1', '--why', 'x'), {
    code: 1,
    stderr: /they have ws1/,
  })
  t.match(await here('vendor', 'link', 'r_no', 'ws1', '1', '--why', 'x'), { code: 1 })
})

t.test(
  'what is held of a connection that is not in the settings any more can still be confirmed',
  async (t) => {
    const { here, store, posture } = await connected(t)
    const posted = { state: 'unmanaged', match: 'none' } as const
    await store.postures.hold([{ id: 'r_ann', vendor: 'old', posture: posted, gone: false, since: 1 }])
    t.match(await here('vendor', 'confirm', 'old', '--why', 'it was switched off'), {
      code: 0,
      stdout: /1 client/,
    })
    t.match(await posture(), posted)
    t.match(await here('vendor', 'confirm', 'old', '--why', 'again'), { code: 1, stderr: /they have ws1/ })
  },
)
