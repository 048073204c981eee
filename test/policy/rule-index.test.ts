import t from 'tap'
import type { RequestFacts } from '../../src/domain/decision.ts'
import { decide, explain } from '../../src/policy/decide.ts'
import { device, now, policyOf, request } from './helpers/policy.ts'

/** A small generator (mulberry32), so that a failure can be repeated. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) % limit
  }
}

type Random = (limit: number) => number

const values: Record<string, readonly string[]> = {
  service: ['mail', 'chat', '[mail, sso]'],
  client: ['browser', 'lync'],
  method: ['GET', '[POST, PUT]'],
  signIn: ['true', 'false'],
  network: ['wifi', 'vpn', '[wifi, vpn]'],
  user: ['kim', 'ada', '[joe, ada]', '"k*"', '["*m", bob]'],
  group: ['directors', 'team', '[directors, by-token]', 'by-token'],
  platform: ['ios', 'android', '[ios, android]'],
  model: ['m1', '"m*"', '[m2, M3]'],
  osVersion: ['"<10"', '">=3 <12"', '["<2", "5"]'],
  path: ['/a', '/a/b', '/A', '"/*/b"', '"/a*"', '"/*"', '/', '[/a, /c]'],
  evidence: ['app', 'network', '[certificate, app]'],
  posture: ['compliant', '[unknown, conflict]'],
  registeredBy: ['VPN', 'network'],
  registeredWithin: ['1h', '3h'],
}

function whenText(random: Random, depth: number): string {
  const names = Object.keys(values)
  const keys = new Set(Array.from({ length: 1 + random(3) }, () => names[random(names.length)]!))
  const parts = [...keys].map((key) => `${key}: ${values[key]![random(values[key]!.length)]}`)
  if (depth > 0 && random(4) === 0) parts.push(`not: ${whenText(random, depth - 1)}`)
  if (depth > 0 && random(6) === 0)
    parts.push(`any: [${whenText(random, depth - 1)}, ${whenText(random, depth - 1)}]`)
  return `{ ${parts.join(', ')} }`
}

function rulesText(random: Random): string {
  const thens = ['allow', '{ refuse: no }', '{ redirect: "https://vpn.example.com" }']
  return Array.from({ length: 20 + random(60) }, (_, index) => {
    const mode = random(8) === 0 ? ', mode: monitor' : ''
    return `  - { name: NAME${index}, when: ${whenText(random, 2)}, then: ${thens[random(3)]}${mode} }`
  }).join('\n')
}

function factsOf(random: Random): RequestFacts {
  const pick = <Value>(...options: Value[]) => options[random(options.length)]!
  const maybe = (key: string, ...options: string[]) => (random(3) === 0 ? {} : { [key]: pick(...options) })
  return request({
    service: pick('mail', 'chat', 'sso', 'other'),
    client: pick('browser', 'lync'),
    method: pick('GET', 'POST'),
    signIn: random(2) === 0,
    source: pick('10.20.0.1', '10.99.0.1', '203.0.113.7'),
    path: pick('/', '/a', '/A/b', '/a/b', '/ab', '/c'),
    groups: pick([], ['by-token'], ['directors', 'team']),
    evidence: pick([], ['app'], ['certificate', 'app']),
    ...maybe('user', 'kim', 'ada', 'joe', 'tom'),
    ...maybe('platform', 'ios', 'android', 'other'),
    ...maybe('model', 'm1', 'M3', 'x'),
    ...maybe('osVersion', '1', '5.1', '11', 'none'),
  })
}

t.test('what is decided with the index is what trying each rule decides', async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = randomOf(seed)
    const policy = policyOf(
      [
        'networks: { wifi: [10.20.0.0/16], vpn: [10.99.0.0/16] }',
        'groups: { directors: [ada], team: ["*m"] }',
        `registration:\n${rulesText(random).replaceAll('NAME', 'r')}`,
        `access:\n${rulesText(random).replaceAll('NAME', 'a')}`,
      ].join('\n'),
    )
    for (let i = 0; i < 200; i++) {
      const facts = factsOf(random)
      const state = random(2) === 0 ? undefined : device({}, { user: 'kim', rule: 'VPN' })
      const decision = decide(facts, state, policy, now)
      const { decision: explained } = explain(facts, state, policy, now)
      if (JSON.stringify(decision) !== JSON.stringify(explained)) {
        t.strictSame(decision, explained, `seed ${seed}, ${JSON.stringify(facts)}`)
        return
      }
    }
  }
  t.pass('2000 requests')
})
