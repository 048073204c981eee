import type { ManagedDevice } from '../domain/managed-device.ts'
import type { Posture, PostureState } from '../domain/posture.ts'
import type { DeviceState, Registration } from '../domain/registration.ts'
import { platformFits, typeOf } from './description.ts'
import { type Found, isSameDevice, matchRegistration } from './match.ts'
import { type Aliases, isSamePerson, namesOf, namesOfDevice } from './user-names.ts'
import { type Verdict, type VerdictRules, verdictOf } from './verdict.ts'

export interface PostureRules extends VerdictRules {
  readonly aliases: Aliases
  /** What becomes of a client that is one more than its user has managed devices of its type. */
  readonly surplus: 'refuse' | 'approve' | 'allow'
}

/** As the record keeps it. */
export interface KnownDevice extends ManagedDevice {
  /** Milliseconds since the epoch: when the vendor last said something new of it. */
  readonly learntAt: number
}

export interface Link {
  readonly vendor: string
  readonly vendorDeviceId: string
}

/** All that is known of one person, or of several whose names are alike. */
export interface Household {
  readonly registrations: readonly DeviceState[]
  readonly devices: readonly KnownDevice[]
  /** Links by hand, by registration. */
  readonly links: ReadonlyMap<string, Link>
  /** Registrations that an administrator has approved although they are surplus. */
  readonly approved: ReadonlySet<string>
  /** Connections that have not been read to the end yet: nothing follows from what they have not said. */
  readonly unread: readonly string[]
}

/** The posture of each registration, by its id. */
export function posturesOf(
  household: Household,
  rules: PostureRules,
  now: number,
): ReadonlyMap<string, Posture> {
  const matched = household.registrations.map(({ registration }) => {
    const linked = household.links.get(registration.id)
    const found = matchRegistration(registration, household.devices, {
      aliases: rules.aliases,
      now,
      ...(linked && { linked }),
    })
    return { registration, found }
  })
  const told = withoutLies(matched, household, rules)
  const surplus = rules.surplus === 'allow' ? new Map() : surplusOf(told, household, rules)
  return new Map(
    told.map(({ registration, found }) => {
      const posture = postureOf(found, household, { rules, now })
      const most = surplus.get(registration.id)
      return [registration.id, most === undefined ? posture : surplusPosture(posture, most, rules)]
    }),
  )
}

interface Matched {
  readonly registration: Registration
  readonly found: Found
}

function postureOf(
  found: Found,
  { unread, devices }: Household,
  { rules, now }: { readonly rules: PostureRules; readonly now: number },
): Posture {
  if (found.match === 'none') {
    if (found.by === 'hand' && unread.length === 0)
      return {
        state: 'unmanaged',
        match: 'none',
        reason: 'the device that this client was linked to is gone',
      }
    return unread.length > 0
      ? { state: 'unknown', match: 'none', reason: `not read to the end yet: ${unread.join(', ')}` }
      : { state: 'unmanaged', match: 'none', reason: 'no MDM reports a device of this user that fits' }
  }
  const judged = found.devices.map((device) => ({ device, verdict: verdictOf(device, rules, now) }))
  const strictest = judged.reduce((a, b) =>
    strictness[b.verdict.state] > strictness[a.verdict.state] ? b : a,
  )
  const one = found.match !== 'ambiguous'
  const vendors = [...new Set(found.devices.map(({ vendor }) => vendor))]
  const disagree = one && judged.some(({ verdict }) => verdict.state !== strictest.verdict.state)
  const { state, reason, graceUntil } = strictest.verdict
  const words = disagree ? disagreement(judged) : one ? reason : ambiguous(judged, strictest.verdict)
  const learnt = devices.find(
    ({ vendor, vendorDeviceId }) =>
      vendor === strictest.device.vendor && vendorDeviceId === strictest.device.vendorDeviceId,
  )?.learntAt
  const until = judged.map(({ verdict }) => verdict.graceUntil).filter((end) => end !== undefined)
  return {
    state: disagree ? 'conflict' : state,
    match: found.match,
    vendor: strictest.device.vendor,
    ...(words !== undefined && { reason: words.slice(0, longestWords) }),
    ...(learnt !== undefined && { checkedAt: learnt }),
    ...(one && { device: strictest.device.vendorDeviceId }),
    ...(state === 'compliant' &&
      (graceUntil !== undefined || until.length > 0) && { graceUntil: Math.min(...until) }),
    ...(one && vendors.length > 1 && { reportedBy: vendors }),
  }
}

const longestWords = 600

const strictness: Readonly<Record<PostureState, number>> = {
  compliant: 0,
  unknown: 1,
  conflict: 2,
  unmanaged: 3,
  noncompliant: 4,
}

interface Judged {
  readonly device: ManagedDevice
  readonly verdict: Verdict
}

function disagreement(judged: readonly Judged[]): string {
  return judged
    .map(
      ({ device, verdict: { state, reason } }) =>
        `${device.vendor}: ${state}${reason === undefined ? '' : ` (${reason})`}`,
    )
    .join('; ')
}

function ambiguous(judged: readonly Judged[], { state, reason }: Verdict): string {
  const often = `it may be any of ${judged.length} devices of this user`
  return state === 'compliant'
    ? often
    : `${often}, and one of them is ${state}: ${reason ?? 'no reason given'}`
}

/**
 * A private phone of the same model as the managed one passes for it, as far as user, type and version go. What gives it away
 * is that there is one client more than devices. Per service, since each has a client of its own on a device; the
 * newest are too many; those that an id or an administrator has matched never are.
 * @returns for each surplus registration how many devices there are
 */
function surplusOf(
  matched: readonly Matched[],
  { devices, approved }: Household,
  { aliases }: PostureRules,
): ReadonlyMap<string, number> {
  const surplus = new Map<string, number>()
  for (const group of groupsOf(matched, aliases)) {
    const own = devicesOf(group, devices, aliases)
    const proven = distinct(group.flatMap(({ found }) => (found.match === 'exact' ? found.devices : [])))
    const free = own.filter((device) => !proven.some((other) => isOne(device, other))).length
    const guessed = group
      .filter(({ found, registration }) => takesPlace(found) && !approved.has(registration.id))
      .toSorted(byAge)
    for (const { registration } of guessed.slice(free)) surplus.set(registration.id, own.length)
  }
  return surplus
}

/**
 * What a client says of its model and version is what its user likes: two clients of one service that say the same would both
 * be taken for the one good device, while the other device, which is not, has none. So nothing narrows the choice for them.
 */
function withoutLies(
  matched: readonly Matched[],
  { devices }: Household,
  { aliases }: PostureRules,
): readonly Matched[] {
  const wider = new Map<string, Found>()
  for (const group of groupsOf(matched, aliases)) {
    const likely = group.filter(({ found }) => found.match === 'likely')
    const shared = likely.filter(({ found: { devices: own } }) =>
      likely.some((other) => other.found.devices !== own && isOne(other.found.devices[0]!, own[0]!)),
    )
    for (const { registration } of shared) {
      const all = devicesOf(group, devices, aliases)
      if (all.length > 1) wider.set(registration.id, { match: 'ambiguous', devices: all })
    }
    for (const { registration } of laterClaimers(group)) {
      const all = devicesOf(group, devices, aliases)
      wider.set(registration.id, { match: all.length > 1 ? 'ambiguous' : 'likely', devices: all })
    }
  }
  return matched.map((one) => ({ ...one, found: wider.get(one.registration.id) ?? one.found }))
}

/** A DeviceId of ActiveSync is a claim: of two clients that claim the same one, the one that came first has it. */
function laterClaimers(group: readonly Matched[]): readonly Matched[] {
  const claimers = group
    .filter(({ registration, found }) => found.by === 'easDeviceId' && registration.deviceIds === undefined)
    .toSorted(byAge)
  return claimers.filter(({ found: { devices: own } }, index) =>
    claimers.slice(0, index).some(({ found }) => isOne(found.devices[0]!, own[0]!)),
  )
}

/** Those of the group's type that their user has, each once. */
function devicesOf(
  group: readonly Matched[],
  devices: readonly ManagedDevice[],
  aliases: Aliases,
): readonly ManagedDevice[] {
  const names = group.flatMap(({ registration }) => namesOf(registration.user, aliases))
  const [first] = group
  return distinct(
    devices.filter(
      (device) =>
        isHeld(device) &&
        first !== undefined &&
        platformFits(first.registration.device, device) !== false &&
        isSamePerson(names, namesOfDevice(device)),
    ),
  )
}

/** A client of a device that is managed no more is refused for that, and takes no other's place. */
function takesPlace({ match, devices }: Found): boolean {
  return (match === 'likely' || match === 'ambiguous') && devices.some(isHeld)
}

function isHeld({ management }: ManagedDevice): boolean {
  return management === 'managed' || management === 'pending' || management === 'unknown'
}

function byAge({ registration: a }: Matched, { registration: b }: Matched): number {
  return a.registeredAt - b.registeredAt || (a.id < b.id ? -1 : 1)
}

/** Those of one person, one service and one type. */
function groupsOf(matched: readonly Matched[], aliases: Aliases): readonly (readonly Matched[])[] {
  const groups: Matched[][] = []
  for (const one of matched) {
    const { service, device, user } = one.registration
    const group = groups.find(([first]) => {
      const other = first!.registration
      return (
        other.service === service &&
        typeOf(other.device.platform) === typeOf(device.platform) &&
        isSamePerson(namesOf(other.user, aliases), namesOf(user, aliases))
      )
    })
    if (group === undefined) groups.push([one])
    else group.push(one)
  }
  return groups
}

/** Each device once, however many vendors report it. */
function distinct(devices: readonly ManagedDevice[]): readonly ManagedDevice[] {
  return devices.filter((device, index) => !devices.slice(0, index).some((before) => isOne(before, device)))
}

function isOne(a: ManagedDevice, b: ManagedDevice): boolean {
  return a.vendor === b.vendor ? a.vendorDeviceId === b.vendorDeviceId : isSameDevice(a, b)
}

function surplusPosture(posture: Posture, devices: number, { surplus }: PostureRules): Posture {
  const { vendor, checkedAt, match } = posture
  const known = `${devices} device${devices === 1 ? '' : 's'} of this type`
  return {
    state: 'unmanaged',
    match,
    reason: `one client more than the MDM knows devices: ${known}`,
    surplus: surplus === 'approve' ? 'waiting' : 'refused',
    ...(vendor !== undefined && { vendor }),
    ...(checkedAt !== undefined && { checkedAt }),
  }
}
