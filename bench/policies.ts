/** Policies of any size that let the devices of a bench in, at the end of what there is to look at. */

/** @param cidrs networks that no request of a bench comes from, each with a rule's eye on it */
export function policyOfNetworks(cidrs: number): string {
  const networks = Array.from(
    { length: cidrs },
    (_, n) => `10.${(n >> 8) & 255}.${n & 255}.${(n >> 16) * 16}/28`,
  )
  return `networks: { office: ${JSON.stringify(networks)} }
registration:
  - { name: Office, when: { network: office }, then: allow }
access:
  - { name: Nobody in the office, when: { network: office }, then: { refuse: Go home } }
${everybody}`
}

/** Rules on users, paths, models and methods, none of which holds. */
export function policyOfRules(rules: number): string {
  return `networks: { office: [10.20.0.0/16] }
registration:
  - { name: Office, when: { network: office }, then: allow }
access:
${Array.from({ length: rules }, (_, n) => `  - { name: Rule ${n}, when: ${conditions[n % conditions.length]?.(n)}, then: { refuse: No } }\n`).join('')}${everybody}`
}

const everybody = `  - { name: Compliant, when: { posture: compliant }, then: allow }
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 30d }, then: allow }
`

const conditions: readonly ((n: number) => string)[] = [
  (n) => `{ user: leaver${n} }`,
  (n) => `{ path: "/admin/${n}/*" }`,
  (n) => `{ model: "iPad${n},1", posture: unknown }`,
  (n) => `{ user: guest${n}, method: POST }`,
]
