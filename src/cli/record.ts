import { existsSync } from 'node:fs'
import { withDeadline } from '../lib/deadline.ts'
import { systemRandom } from '../lib/random.ts'
import type { Settings } from '../settings/settings.ts'
import { openSharedState } from '../shared-state/shared-state.ts'
import { openStore } from '../store/open.ts'
import type { Actor, Store } from '../store/ports.ts'
import type { CommandContext } from './command.ts'
import { CommandFailed, UsageError } from './errors.ts'
import { readSettings } from './settings-file.ts'

/**
 * Opens the record for as long as `work` takes. A running gateway may have it open at the same time. A record that is not
 * there yet is not made: made by an administrator's `sudo`, it would belong to root and the gateway could not open it.
 */
export async function withRecord<T>(
  context: Pick<CommandContext, 'config' | 'system' | 'out'>,
  work: (store: Store, settings: Settings) => Promise<T>,
): Promise<T> {
  const settings = readSettings(context)
  const { store: location } = settings
  if (location.kind === 'sqlite' && !existsSync(location.path)) {
    const advice = 'the gateway makes it when it first starts, or `gatehouse migrate` as the gateway’s user'
    throw new CommandFailed(`There is no record at ${location.path} yet: ${advice}`)
  }
  let changed = false
  const store = await openStore(location, {
    now: context.system.now,
    onChange() {
      changed = true
    },
    logger: { warn: (_fields, message) => context.out.warn(message) },
  })
  try {
    return await work(store, settings)
  } finally {
    if (changed) await announce(store, settings)
    await store.close()
  }
}

/** Milliseconds for telling the gateways; those that were not told look by themselves a moment later. */
const announceWithin = 500

/** Through Redis, where there is one; never fails. */
async function announce(store: Store, { redis }: Settings): Promise<void> {
  if (redis === undefined) return
  const telling = openSharedState(redis, {
    changes: store.changes,
    keys: store.keys,
    random: systemRandom(),
    now: Date.now,
    timeout: announceWithin,
    onCondition() {},
    onRejected() {},
  }).then(async (shared) => {
    await shared.notices.announce()
    await shared.close()
  })
  await withDeadline(telling, announceWithin).catch(() => {})
}

/** Who changes something, and why; a change without a reason is not made. */
export function actor(
  {
    system,
    options,
  }: { readonly system: CommandContext['system']; readonly options: { why: string | undefined } },
  command: string,
): Actor {
  const why = options.why?.trim()
  if (why === undefined || why === '')
    throw new UsageError('--why is missing: the audit log keeps the reason of each change', command)
  return { name: system.user(), why, at: system.now() }
}

/** The option of every command that changes something. */
export const whyOption = {
  type: 'text',
  value: 'TEXT',
  description: 'The reason, for the audit log. Needed.',
} as const
