import { setTimeout as delay } from 'node:timers/promises'

/**
 * Waits until `check` neither throws nor answers false or undefined, and returns what it answered. For effects that
 * have no event to wait for. The bound only keeps a failing test from hanging.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  within = 120_000,
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + within
  for (;;) {
    const outcome = await attempt(check)
    if ('value' in outcome) return outcome.value
    if (performance.now() > deadline) {
      throw new Error(`did not come true within ${within} ms`, { cause: outcome.error })
    }
    await delay(10)
  }
}

type Attempt<T> = { readonly value: Exclude<T, false | undefined> } | { readonly error: unknown }

async function attempt<T>(check: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    const value = await check()
    if (value === false || value === undefined) return { error: `the check answered ${value}` }
    return { value: value as Exclude<T, false | undefined> } // the two are excluded one line above
  } catch (error) {
    return { error }
  }
}
