import t from 'tap'
import { parse } from 'yaml'
import { mistakesIn, readDeploy } from './support.ts'

interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly networks: Readonly<Record<string, unknown>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

interface ComposeService {
  readonly secrets?: readonly string[]
  readonly networks?: readonly string[] | Readonly<Record<string, { readonly ipv4_address?: string }>>
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>
  readonly volumes?: readonly string[]
}

interface ComposeSettings {
  readonly gateway: {
    readonly listen: readonly string[]
    readonly tls: { readonly cert: string; readonly key: string }
    readonly proxyProtocol: boolean
    readonly trustedProxies: readonly string[]
  }
  readonly store: { readonly url: string; readonly password: { readonly file: string } }
  readonly redis: { readonly url: string; readonly password: { readonly file: string } }
  readonly services: readonly { readonly upstream: readonly string[] }[]
  readonly management: { readonly listen: string }
}

const compose = parse(readDeploy('compose.yaml'), { merge: true }) as Compose
const settings = parse(readDeploy('compose/gatehouse.yaml')) as ComposeSettings
const policy = parse(readDeploy('compose/policy.yaml')) as object
const haproxy = readDeploy('compose/haproxy.cfg')

function names(list: readonly string[] | Readonly<Record<string, unknown>> | undefined): readonly string[] {
  return Array.isArray(list) ? list : Object.keys(list ?? {})
}

t.test('the settings and the policy of the gateways are right', async (t) => {
  t.strictSame(await mistakesIn(t, settings, policy), [])
})

t.test('everything that a service of the set-up names is there', async (t) => {
  for (const [name, service] of Object.entries(compose.services)) {
    for (const secret of service.secrets ?? []) t.ok(compose.secrets[secret], `${name}: ${secret}`)
    for (const network of names(service.networks))
      t.ok(Object.hasOwn(compose.networks, network), `${name}: ${network}`)
    for (const other of names(service.depends_on)) t.ok(compose.services[other], `${name}: ${other}`)
    for (const volume of service.volumes ?? []) {
      const source = volume.split(':')[0] ?? ''
      if (source.startsWith('./')) t.ok(readDeploy(source.slice(2)), `${name}: ${source}`)
      else t.ok(Object.hasOwn(compose.volumes, source), `${name}: ${source}`)
    }
  }
})

t.test(
  'the gateways find record, cache, upstream and secrets under the names that compose gives them',
  async (t) => {
    const hosts = [
      settings.store.url,
      settings.redis.url,
      ...settings.services.flatMap(({ upstream }) => upstream),
    ]
    for (const url of hosts) t.ok(compose.services[new URL(url).hostname], url)
    const { cert, key } = settings.gateway.tls
    for (const file of [cert, key, settings.store.password.file, settings.redis.password.file])
      t.ok(compose.services['gateway-1']?.secrets?.includes(file.replace('/run/secrets/', '')), file)
  },
)

t.test('the gateways believe the PROXY header of the balancer, and of nobody else', async (t) => {
  const balancer = compose.services.balancer?.networks
  const address = Array.isArray(balancer) ? undefined : Object.values(balancer ?? {})[0]?.ipv4_address
  t.equal(settings.gateway.proxyProtocol, true)
  t.strictSame(settings.gateway.trustedProxies, [address])
  t.match(haproxy, /send-proxy-v2/)
})

t.test(
  'the balancer asks for readiness where the gateways serve it, and passes on to where they listen',
  async (t) => {
    const management = new URL(settings.management.listen).port
    const users = new URL(settings.gateway.listen[0] ?? '').port
    t.match(haproxy, new RegExp(`check .*port ${management}\\b`))
    for (const gateway of ['gateway-1', 'gateway-2']) {
      t.match(haproxy, new RegExp(`server ${gateway} ${gateway}:${users}\\b`))
      t.ok(compose.services[gateway])
    }
  },
)

t.test('the record and the cache can be reached by the gateways alone', async (t) => {
  t.match(compose.networks.inside, { internal: true })
  for (const name of ['postgres', 'redis', 'app']) {
    t.strictSame(names(compose.services[name]?.networks), ['inside'])
    t.notOk(Object.hasOwn(compose.services[name] ?? {}, 'ports'), name)
  }
})
