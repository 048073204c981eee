import { boundedMemo } from '../lib/bounded-memo.ts'
import { IpSet } from '../lib/ip-set.ts'
import type { PolicyDocument, Rule } from './document.ts'
import { compileRule } from './rule.ts'
import { compileRuleList, type RuleList } from './rule-index.ts'
import { compileNames, milliseconds } from './values.ts'

/** A policy in force. Immutable but for its memory of addresses and users. */
export interface CompiledPolicy {
  readonly document: PolicyDocument
  /** SHA-256 of the text, base64url. */
  readonly digest: string
  readonly limits: {
    readonly clientsPerUser: number
    /** Milliseconds. */
    readonly staleFor: number
    readonly vendorStale: 'keep' | 'refuse'
    /** Milliseconds. */
    readonly vendorStaleAfter: number
  }
  readonly networks: ReadonlyMap<string, IpSet>
  /** The names of the networks that hold this address, in the file's order. Empty for text that is no address. */
  networksOf(address: string): readonly string[]
  readonly registration: RuleList
  readonly access: RuleList
}

/** Addresses and users that are remembered. */
const remembered = 20_000

/** @param document from `parsePolicy`: its values are known to be right */
export function compilePolicy(document: PolicyDocument): CompiledPolicy {
  const networks = new Map(Object.entries(document.networks).map(([name, cidrs]) => [name, IpSet.of(cidrs)]))
  const groups = new Map(Object.entries(document.groups).map(([name, users]) => [name, compileNames(users)]))
  const context = {
    definesGroup: (group: string) => groups.has(group),
    isMember: (group: string, user: string) => groups.get(group)?.(user) === true,
  }
  const groupsOf = boundedMemo(remembered, (user) => holding(groups, (isMember) => isMember(user)))
  const list = (rules: readonly Rule[]) =>
    compileRuleList(
      rules.map((rule, index) => compileRule(rule, index, context)),
      { groupsOf },
    )
  const { clientsPerUser, staleFor, vendorStale, vendorStaleAfter } = document.limits
  return {
    document,
    digest: document.digest,
    limits: {
      clientsPerUser,
      staleFor: milliseconds(staleFor),
      vendorStale,
      vendorStaleAfter: milliseconds(vendorStaleAfter),
    },
    networks,
    networksOf: boundedMemo(remembered, (address) => holding(networks, (set) => set.has(address))),
    registration: list(document.registration),
    access: list(document.access),
  }
}

function holding<Value>(
  entries: ReadonlyMap<string, Value>,
  holds: (value: Value) => boolean,
): readonly string[] {
  const names: string[] = []
  for (const [name, value] of entries) if (holds(value)) names.push(name)
  return names
}
