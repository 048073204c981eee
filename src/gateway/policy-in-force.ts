import { readFile, watch } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Service } from '../domain/service.ts'
import { fileTrouble } from '../lib/error-code.ts'
import { lookAtFiles } from '../lib/look-at-files.ts'
import { formatProblem, type Problem } from '../lib/yaml-document.ts'
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts'
import { parsePolicy } from '../policy/parse.ts'
import { runPolicyTests } from '../policy/run-tests.ts'
import { policyErrors } from '../policy/warnings.ts'

/**
 * The policy that decides now. A new one takes its place whole or not at all: when the file does not parse, opens a
 * door, or fails its own tests, the old one stays in force and the problem is told.
 */
export class PolicyInForce {
  #current: CompiledPolicy
  readonly #file: string
  readonly #context: PolicyContext
  readonly #watching = new AbortController()

  private constructor(file: string, current: CompiledPolicy, context: PolicyContext) {
    this.#file = file
    this.#current = current
    this.#context = context
  }

  /** @throws PolicyRejected when there is no policy to begin with */
  static async open(file: string, context: PolicyContext): Promise<PolicyInForce> {
    return new PolicyInForce(file, await loadPolicy(file, context), context)
  }

  get current(): CompiledPolicy {
    return this.#current
  }

  /** @returns whether the policy changed */
  async reload(): Promise<boolean> {
    try {
      const next = await loadPolicy(this.#file, this.#context)
      if (next.digest === this.#current.digest) {
        this.#context.onReload?.({ outcome: 'unchanged', digest: next.digest })
        return false
      }
      this.#current = next
      this.#context.onReload?.({ outcome: 'loaded', digest: next.digest })
      return true
    } catch (error) {
      if (!(error instanceof PolicyRejected)) throw error
      this.#context.onReload?.({
        outcome: 'rejected',
        digest: this.#current.digest,
        problems: error.problems,
      })
      return false
    }
  }

  /**
   * Reloads when the file changes, until `close()`. Watches the folder: editors replace files. What that cannot see (the folder itself was
   * replaced, a link leads elsewhere) is looked for.
   * @param every milliseconds between two looks
   */
  async follow(onChanged: () => Promise<void>, every = 5_000): Promise<void> {
    const { signal } = this.#watching
    const reload = async () => {
      await looks.seen()
      if (await this.reload()) await onChanged()
    }
    let due: NodeJS.Timeout | undefined
    const onChange = () => {
      clearTimeout(due)
      due = setTimeout(
        () => void reload().catch((error: unknown) => this.#context.onError?.(error)),
        settleTime,
      )
    }
    const looks = lookAtFiles([this.#file], { every, onChange })
    signal.addEventListener('abort', () => {
      looks.close()
      clearTimeout(due)
    })
    try {
      for await (const event of watch(dirname(this.#file), { signal, persistent: false }))
        if (event.filename === basename(this.#file) || event.filename === mountedVersion) onChange()
    } catch (error) {
      if (!signal.aborted) this.#context.onError?.(error)
    }
  }

  close(): void {
    this.#watching.abort()
  }
}

/** The link that Kubernetes sets anew when a ConfigMap changes; the mounted files lead through it and are not touched. */
const mountedVersion = '..data'

/** An editor writes a file in several steps; it is read when it has been still for this long. */
const settleTime = 100

export interface PolicyContext {
  readonly trustedProxies: readonly string[]
  readonly services: readonly Service[]
  readonly now: () => number
  readonly onReload?: (event: PolicyReload) => void
  readonly onError?: (error: unknown) => void
}

export interface PolicyReload {
  readonly outcome: 'loaded' | 'unchanged' | 'rejected'
  /** Of the policy that is in force now. */
  readonly digest: string
  readonly problems?: readonly Problem[]
}

export class PolicyRejected extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'PolicyRejected'
    this.problems = problems
  }
}

/** @throws PolicyRejected */
export async function loadPolicy(file: string, context: PolicyContext): Promise<CompiledPolicy> {
  const { policy: document, problems } = parsePolicy(await readPolicy(file), file)
  if (document === undefined) throw new PolicyRejected(problems)
  const policy = compilePolicy(document)
  const mistakes = [
    ...policyErrors(policy, context).map((error) => wholeFile(file, error.rule ?? 'policy', error.message)),
    ...runPolicyTests(policy, context.now())
      .filter((test) => !test.passed)
      .map((test) =>
        wholeFile(
          file,
          `tests: ${test.name}`,
          `expected ${test.expected}, got ${test.actual.decision.verdict} (${test.actual.decision.reason})`,
        ),
      ),
  ]
  if (mistakes.length > 0) throw new PolicyRejected(mistakes)
  return policy
}

async function readPolicy(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new PolicyRejected([wholeFile(file, 'policy', `cannot be read: ${fileTrouble(error)}`)])
  }
}

function wholeFile(file: string, key: string, message: string): Problem {
  return { file, line: 1, column: 1, key, message }
}
