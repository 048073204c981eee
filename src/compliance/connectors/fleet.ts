import type { ManagedDevice } from '../../domain/managed-device.ts'
import { isObject } from '../../lib/json.ts'
import type { FleetSettings } from '../../settings/sections/vendors/fleet.ts'
import { type Connector, type ConnectorOptions, VendorError, type VendorPage } from './connector.ts'
import { judgeByCount, type PolicyVerdict, readHost } from './fleet/device.ts'
import { PolicyAnswers } from './fleet/policies.ts'
import { readFleetWebhook } from './fleet/webhook.ts'
import { expectOk } from './parts/expect.ts'
import { listAt, objectIn, readPage, SweepWatch } from './parts/page.ts'
import { count, flag, member, object, text, type VendorRecord } from './parts/record.ts'
import type { VendorAnswer } from './vendor-http.ts'

/** Fleet: the hosts, and its policies as the verdict on them. */
export function createFleet(options: ConnectorOptions<FleetSettings>): Connector {
  const { policies } = options.settings
  return policies === 'all' ? new Fleet(options) : new FleetByPolicies(options, policies)
}

class Fleet implements Connector {
  readonly options: ConnectorOptions<FleetSettings>

  constructor(options: ConnectorOptions<FleetSettings>) {
    this.options = options
  }

  async *sweep(signal: AbortSignal): AsyncGenerator<VendorPage> {
    const watch = new SweepWatch()
    const total = await this.#count(signal)
    const judge = await this.judgeOfAll(signal)
    for await (const hosts of this.pages({}, signal)) {
      yield watch.page(
        readPage(hosts, total, (host) => readHost(this.options.name, host, (id) => judge(id, host))),
      )
    }
    watch.end()
  }

  async lookup(vendorDeviceId: string, signal: AbortSignal): Promise<ManagedDevice | 'gone'> {
    if (!/^\d{1,12}$/.test(vendorDeviceId)) return 'gone'
    const answer = await this.get(`hosts/${vendorDeviceId}`, signal)
    if (answer.status === 404) return 'gone'
    const host = objectIn(object(objectIn(expectOk(answer, 'the host').json()), 'host'))
    const device = readHost(this.options.name, host, () => this.judgeOne(host))
    if (device?.vendorDeviceId === vendorDeviceId) return device
    throw new VendorError('protocol', 'Fleet answered with another host than the one asked for')
  }

  readonly readWebhook = readFleetWebhook

  async close(): Promise<void> {}

  async judgeOfAll(_signal: AbortSignal): Promise<(id: string, host: VendorRecord) => PolicyVerdict> {
    return (_id, host) => judgeByCount(host)
  }

  judgeOne(host: VendorRecord): PolicyVerdict {
    return judgeByCount(host)
  }

  /** Older versions have no `meta`: there a page that is not full is the last one. */
  async *pages(
    filter: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly unknown[]> {
    const { pageSize } = this.options.settings
    for (let page = 0; ; page++) {
      const query = new URLSearchParams({
        page: String(page),
        per_page: String(pageSize),
        order_key: 'id',
        order_direction: 'asc',
        device_mapping: 'true',
        ...filter,
      })
      const answer = objectIn(expectOk(await this.get(`hosts?${query}`, signal), 'the list of hosts').json())
      const hosts = listAt(answer.hosts, 'hosts')
      yield hosts
      const more = flag(object(answer, 'meta') ?? {}, 'has_next_results') ?? hosts.length >= pageSize
      if (!more) return
      if (hosts.length === 0) {
        throw new VendorError('incomplete', 'Fleet says that there are more hosts and gives none')
      }
    }
  }

  get(path: string, signal: AbortSignal): Promise<VendorAnswer> {
    const { http, settings } = this.options
    const headers = { authorization: `Bearer ${settings.token.reveal()}` }
    return http.request({ url: `api/v1/fleet/${path}`, headers, signal })
  }

  /** Not there in every version: then the end of the list is believed. */
  async #count(signal: AbortSignal): Promise<number | undefined> {
    const answer = await this.get('hosts/count', signal)
    if (answer.status === 404) return undefined
    return count(objectIn(expectOk(answer, 'the number of hosts').json()), 'count')
  }
}

/** With chosen policies, each one's lists of passing and failing hosts are read before the hosts. */
class FleetByPolicies extends Fleet {
  readonly #policies: readonly string[]

  constructor(options: ConnectorOptions<FleetSettings>, policies: readonly string[]) {
    super(options)
    this.#policies = policies
  }

  async *noncompliant(signal: AbortSignal): AsyncGenerator<VendorPage> {
    const { name } = this.options
    for (const policy of this.#policies) {
      for await (const hosts of this.#answering(policy, 'failing', signal)) {
        const answers = new PolicyAnswers(this.#policies)
        yield readPage(hosts, undefined, (host) =>
          readHost(name, host, (id) => {
            answers.fails(id, policy)
            return answers.judge(id)
          }),
        )
      }
    }
  }

  override async judgeOfAll(signal: AbortSignal): Promise<(id: string) => PolicyVerdict> {
    const answers = new PolicyAnswers(this.#policies)
    for (const policy of this.#policies) {
      for await (const hosts of this.#answering(policy, 'passing', signal)) {
        for (const id of idsOf(hosts)) answers.passes(id, policy)
      }
      for await (const hosts of this.#answering(policy, 'failing', signal)) {
        for (const id of idsOf(hosts)) answers.fails(id, policy)
      }
    }
    return (id) => answers.judge(id)
  }

  /** One host's answers stand in its own record. */
  override judgeOne(host: VendorRecord): PolicyVerdict {
    const answers = new PolicyAnswers(this.#policies)
    const id = text(host, 'id') ?? ''
    const given = member(host, 'policies')
    for (const answer of Array.isArray(given) ? given.filter(isObject) : []) {
      const policy = text(answer, 'id') ?? ''
      if (!this.#policies.includes(policy)) continue
      const response = text(answer, 'response')?.toLowerCase()
      if (response === 'pass') answers.passes(id, policy)
      if (response === 'fail') answers.fails(id, policy)
    }
    return answers.judge(id)
  }

  async *#answering(policy: string, response: 'passing' | 'failing', signal: AbortSignal) {
    yield* this.pages({ policy_id: policy, policy_response: response }, signal)
  }
}

function idsOf(hosts: readonly unknown[]): readonly string[] {
  return hosts.flatMap((host) => (isObject(host) ? (text(host, 'id') ?? []) : []))
}
