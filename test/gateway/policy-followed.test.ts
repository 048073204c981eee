import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { PolicyInForce } from '../../src/gateway/policy-in-force.ts'
import { temporaryFolder } from '../helpers/certificates.ts'
import { eventually } from '../helpers/eventually.ts'

const policy = (network: string) => `networks: { wifi: [${network}] }
registration:
  - { name: Wi-Fi, when: { network: wifi }, then: allow }
`

/** Written to a folder that is made for it. */
function write(folder: string, network: string): void {
  mkdirSync(folder)
  writeFileSync(join(folder, 'policy.yaml'), policy(network))
}

async function followed(t: Test, folder: string) {
  const inForce = await PolicyInForce.open(join(folder, 'policy.yaml'), {
    trustedProxies: [],
    services: [],
    now: Date.now,
  })
  let changes = 0
  void inForce.follow(async () => void changes++, 20)
  t.teardown(() => inForce.close())
  const next = async () => {
    const before = changes
    await eventually(() => changes > before)
    return inForce.current.digest
  }
  return { first: inForce.current.digest, next }
}

t.test('a policy whose folder was removed and made again is followed on', async (t) => {
  const folder = join(temporaryFolder(t), 'etc')
  write(folder, '10.1.0.0/16')
  const { first, next } = await followed(t, folder)
  rmSync(folder, { recursive: true })
  write(folder, '10.2.0.0/16')
  const second = await next()
  t.not(second, first)
  writeFileSync(join(folder, 'policy.yaml'), policy('10.1.0.0/16'))
  t.equal(await next(), first, 'not once, but from then on')
})

t.test('a policy behind a link that leads to another folder is taken from there', async (t) => {
  const place = temporaryFolder(t)
  const [one, two, link] = [join(place, 'one'), join(place, 'two'), join(place, 'now')]
  write(one, '10.1.0.0/16')
  write(two, '10.2.0.0/16')
  symlinkSync(one, link)
  const { first, next } = await followed(t, link)
  symlinkSync(two, join(place, 'next'))
  renameSync(join(place, 'next'), link)
  t.not(await next(), first)
})
