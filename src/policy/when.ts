import type { CompileContext, Condition, Guard, Truth } from './condition.ts'
import { conditions } from './conditions/table.ts'
import type { When } from './document.ts'
import type { Subject } from './subject.ts'

/** Told of each condition that was evaluated, groups after what is in them. */
export type Recorder = (step: ConditionStep) => void

export interface ConditionStep {
  /** Where it stands: `platform`, `not.network`, `any[1].user`. */
  readonly condition: string
  readonly wanted: string
  readonly found: string
  readonly truth: Truth
}

export type Evaluate = (subject: Subject, record: Recorder | undefined) => Truth

/**
 * Compiles conditions into closures. Three-valued (Kleene): false decides an `all`, true an `any`, and what is not
 * known stays not known through `not`.
 */
export function compileWhen(when: When, context: CompileContext, path = ''): Evaluate {
  const parts: Evaluate[] = []
  for (const condition of conditions) {
    const value = when[condition.name]
    if (value !== undefined) parts.push(leaf(condition, value, { context, path }))
  }
  const { not, any, all } = when
  if (any !== undefined) parts.push(anyOf(any, context, `${path}any`))
  if (all !== undefined) parts.push(allOf(all, context, `${path}all`))
  if (not !== undefined) parts.push(negation(not, context, `${path}not`))
  return conjunction(parts)
}

/** The guards of the conditions that must hold for the whole to hold. */
export function guardsOf(when: When | undefined, context: CompileContext): Guard[] {
  const guards: Guard[] = []
  for (const condition of conditions) {
    const value = when?.[condition.name]
    const guard = value === undefined ? undefined : condition.guard(value, context)
    if (guard !== undefined) guards.push(guard)
  }
  return guards
}

function leaf(
  condition: Condition,
  value: unknown,
  { context, path }: { readonly context: CompileContext; readonly path: string },
): Evaluate {
  const test = condition.compile(value, context)
  const name = `${path}${condition.name}`
  const wanted = Array.isArray(value) ? value.join(', ') : String(value)
  return (subject, record) => {
    const truth = test(subject)
    record?.({ condition: name, wanted, found: condition.found(subject) ?? 'not known', truth })
    return truth
  }
}

function conjunction(parts: readonly Evaluate[]): Evaluate {
  const [first, second] = parts
  if (first !== undefined && second === undefined) return first
  return (subject, record) => {
    let truth: Truth = true
    for (const part of parts) {
      const own = part(subject, record)
      if (own === false) return false
      if (own === undefined) truth = undefined
    }
    return truth
  }
}

function anyOf(list: readonly When[], context: CompileContext, path: string): Evaluate {
  const parts = list.map((when, index) => compileWhen(when, context, `${path}[${index}].`))
  const evaluate: Evaluate = (subject, record) => {
    let truth: Truth = false
    for (const part of parts) {
      const before = subject.networkHeld
      const own = part(subject, record)
      if (own === true) return true
      subject.networkHeld = before
      if (own === undefined) truth = undefined
    }
    return truth
  }
  return recorded(evaluate, path, `one of ${list.length}`)
}

function allOf(list: readonly When[], context: CompileContext, path: string): Evaluate {
  const parts = list.map((when, index) => compileWhen(when, context, `${path}[${index}].`))
  return recorded(conjunction(parts), path, `all of ${list.length}`)
}

function negation(when: When, context: CompileContext, path: string): Evaluate {
  const inner = compileWhen(when, { ...context, closing: !context.closing }, `${path}.`)
  const evaluate: Evaluate = (subject, record) => {
    const before = subject.networkHeld
    const truth = inner(subject, record)
    subject.networkHeld = before
    return truth === undefined ? undefined : !truth
  }
  return recorded(evaluate, path, 'what is inside does not hold')
}

function recorded(evaluate: Evaluate, condition: string, wanted: string): Evaluate {
  return (subject, record) => {
    const truth = evaluate(subject, record)
    record?.({ condition, wanted, found: truthText(truth), truth })
    return truth
  }
}

function truthText(truth: Truth): string {
  return truth === undefined ? 'not known' : truth ? 'holds' : 'does not hold'
}
