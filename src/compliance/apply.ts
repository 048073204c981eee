import type { HeldBlock } from '../store/ports.ts'
import { type BrakeSettings, brake, needsCount, recentWindow } from './brake.ts'
import { type EvaluateDependencies, evaluate, type Outdated, type Subjects } from './evaluate.ts'

export interface ApplyDependencies extends EvaluateDependencies {
  readonly brake: BrakeSettings
  readonly whenGone: WhenGone
  /** Versions that were given: the role need not look at its own changes again. */
  readonly onApplied: (versions: readonly number[]) => void
  readonly onHeld: (vendor: string, held: number, news: number) => void
}

/** What becomes of a registration whose device was wiped, retired or deleted. */
export type WhenGone = 'forget' | 'block' | 'keep'

export interface Applied {
  readonly changed: number
  readonly blocked: number
  readonly held: number
}

const atOnce = 50

/**
 * Brings postures up to date, good news at once. What would newly block is collected until the poll's end, and goes
 * through the brake of the vendor that vouched until now.
 */
export class PostureWriter {
  readonly #deps: ApplyDependencies
  #last: Promise<unknown> = Promise.resolve()
  /** When how many were blocked, by vendor. */
  readonly #recent = new Map<string, { readonly at: number; readonly count: number }[]>()

  constructor(deps: ApplyDependencies) {
    this.#deps = deps
  }

  /** One after the other: what is judged is written before anybody judges again. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }

  begin(): Round {
    return new Round(this.#deps, this)
  }

  recently(vendor: string): number {
    const since = this.#deps.now() - recentWindow
    const recent = (this.#recent.get(vendor) ?? []).filter(({ at }) => at > since)
    this.#recent.set(vendor, recent)
    return recent.reduce((sum, { count }) => sum + count, 0)
  }

  blocked(vendor: string, count: number): void {
    if (count > 0)
      this.#recent.set(vendor, [...(this.#recent.get(vendor) ?? []), { at: this.#deps.now(), count }])
  }
}

/** One poll's worth of news. */
export class Round {
  readonly #deps: ApplyDependencies
  readonly #writer: PostureWriter
  readonly #blocks = new Map<string, Outdated>()
  #changed = 0

  constructor(deps: ApplyDependencies, writer: PostureWriter) {
    this.#deps = deps
    this.#writer = writer
  }

  async consider(subjects: Subjects, refreshed?: ReadonlySet<string>): Promise<void> {
    const outdated = await evaluate(subjects, this.#deps, refreshed)
    const now: Outdated[] = []
    for (const one of outdated) {
      const { id } = one.before.registration
      if (isNewBlock(one)) this.#blocks.set(id, one)
      else {
        this.#blocks.delete(id)
        now.push(one)
      }
    }
    await this.#write(now)
  }

  /** @param vendor whose poll it was: what is still held of it is looked at again */
  async settle(vendor?: string): Promise<Applied> {
    const vendors = new Set([...this.#blocks.values()].map(({ before }) => before.posture.vendor ?? ''))
    if (vendor !== undefined) vendors.add(vendor)
    let held = 0
    let blocked = 0
    for (const one of vendors) {
      const outcome = await this.#settleVendor(one, one === vendor)
      held += outcome.held
      blocked += outcome.blocked
    }
    return { changed: this.#changed, blocked, held }
  }

  async #settleVendor(vendor: string, whole: boolean): Promise<{ held: number; blocked: number }> {
    const { record, brake: settings, now } = this.#deps
    const already = await this.#heldOf(vendor)
    if (whole && already.size > 0) await this.#lookAgain([...already.keys()])
    const own = [...this.#blocks.values()].filter(({ before }) => (before.posture.vendor ?? '') === vendor)
    const ids = new Set(own.map(({ before }) => before.registration.id))
    if (whole) await record.postures.drop([...already.keys()].filter((id) => !ids.has(id)))
    const newly = [...ids].filter((id) => !already.has(id))
    const still = whole ? [...ids].filter((id) => already.has(id)) : [...already.keys()]
    const input = { newly, held: still, recently: this.#writer.recently(vendor) }
    const vouchedFor = needsCount(input, settings) ? await this.#vouchedFor(vendor) : 0
    const decision = brake({ ...input, vouchedFor }, settings)
    // Elsewhere than at the end of the vendor's own poll nobody has looked whether what is held still holds.
    const apply = own.filter(
      ({ before: { registration } }) =>
        decision.apply.includes(registration.id) && (whole || !already.has(registration.id)),
    )
    const hold = own.filter(({ before }) => decision.hold.includes(before.registration.id))
    await this.#hold(hold, vendor, now())
    await this.#write(apply)
    this.#writer.blocked(vendor, apply.length)
    const held = whole ? decision.hold.length : already.size + hold.length
    const news = hold.filter(({ before }) => !already.has(before.registration.id)).length
    if (whole || news > 0) this.#deps.onHeld(vendor, held, news)
    return { held, blocked: apply.length }
  }

  async #heldOf(vendor: string): Promise<ReadonlyMap<string, HeldBlock>> {
    const held = new Map<string, HeldBlock>()
    for (;;) {
      const page = await this.#deps.record.postures.held(vendor, [...held.keys()].at(-1))
      for (const block of page) held.set(block.id, block)
      if (page.length < 1000) return held
    }
  }

  async #lookAgain(ids: readonly string[]): Promise<void> {
    const unseen = ids.filter((id) => !this.#blocks.has(id))
    for (let begin = 0; begin < unseen.length; begin += atOnce)
      await this.consider({ ids: unseen.slice(begin, begin + atOnce) })
  }

  async #vouchedFor(vendor: string): Promise<number> {
    let after: string | undefined
    let sum = 0
    for (;;) {
      const { count, last } = await this.#deps.record.postures.countCompliant(vendor, after, 1000)
      sum += count
      if (last === undefined) return sum
      after = last
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #hold(outdated: readonly Outdated[], vendor: string, since: number): Promise<void> {
    const blocks = outdated.map(({ before, posture, gone }) => ({
      id: before.registration.id,
      vendor,
      posture,
      gone,
      since,
    }))
    for (let begin = 0; begin < blocks.length; begin += atOnce)
      await this.#deps.record.postures.hold(blocks.slice(begin, begin + atOnce))
  }

  async #write(outdated: readonly Outdated[]): Promise<void> {
    this.#changed += outdated.length
    const { record, now, whenGone, onApplied } = this.#deps
    for (let begin = 0; begin < outdated.length; begin += atOnce) {
      const some = outdated.slice(begin, begin + atOnce)
      const changes = some.map(({ before, posture }) => ({ id: before.registration.id, posture }))
      // First: what has its new posture is not looked at again, when this is interrupted in between.
      for (const one of some)
        if (one.gone) await letGo(one.before.registration.id, one.posture, { record, whenGone, now })
      onApplied(await record.postures.set(changes, { name: 'compliance', at: now() }))
    }
  }
}

function isNewBlock({ before, posture }: Outdated): boolean {
  return before.posture.state === 'compliant' && posture.state !== 'compliant'
}

/** The device is wiped, retired or deleted: what becomes of its registrations is the settings' to say. */
export async function letGo(
  id: string,
  { vendor, reason }: { readonly vendor?: string; readonly reason?: string },
  deps: Pick<ApplyDependencies, 'record' | 'whenGone' | 'now'>,
): Promise<void> {
  const { record, whenGone, now } = deps
  if (whenGone === 'keep') return
  const by = {
    name: 'compliance',
    why: `the device is gone from its MDM${vendor === undefined ? '' : ` (${vendor})`}: ${reason ?? 'no reason given'}`,
    at: now(),
  }
  if (whenGone === 'forget') await record.registrations.forget(id, by)
  else await record.registrations.block(id, by)
}
