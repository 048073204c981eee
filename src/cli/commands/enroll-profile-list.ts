import { profilePrefix } from '../../enrollment/profiles/identifiers.ts'
import type { Profile } from '../../enrollment/profiles/profile.ts'
import type { DeviceProfile, ProfileCount } from '../../store/profile-ports.ts'
import { defineCommand } from '../command.ts'
import { table } from '../output.ts'
import { enrollmentOf, profilesOf } from '../profile-files.ts'
import { withRecord } from '../record.ts'

/** So many failures of each profile are shown. */
const shown = 20

export const enrollProfileList = defineCommand({
  name: 'enroll profile list',
  summary:
    'List the profiles of enrolled devices: who gets them, how many have them, and which devices refused.',
  options: {},
  examples: [{ line: 'enroll profile list', description: 'Has the new Wi-Fi profile arrived everywhere?' }],
  async run(context) {
    return withRecord<0>(context, async (store, settings) => {
      const prefix = profilePrefix(enrollmentOf(settings).identifier)
      const counts = await store.deviceProfiles.counts()
      const profiles = await Promise.all(
        profilesOf(settings, context.system.env).map(async (profile) => {
          const identifier = `${prefix}${profile.name}`
          const failed = await store.deviceProfiles.failed(identifier, shown)
          return { ...describe(profile, identifier, counts), failures: failed.map(describeFailure) }
        }),
      )
      const known = new Set(profiles.map(({ identifier }) => identifier))
      const removed = counts.filter(({ identifier }) => !known.has(identifier))
      context.out.show({ profiles, removed }, () => {
        if (profiles.length === 0) return 'There are no profiles: see enrollment.profiles in the settings.'
        const rows = profiles.map(({ name, title, done, sent, failed, file }) => [
          ...[name, title, String(done), String(sent), String(failed), file],
        ])
        const failures = profiles.flatMap(({ name, failures }) =>
          failures.map(({ enrollment, error }) => `${name}: ${enrollment}: ${error}`),
        )
        return [table(['name', 'title', 'installed', 'sent', 'failed', 'file'], rows), ...failures].join('\n')
      })
      return 0
    })
  },
})

function describe(
  { name, title, file, encrypted, required, removal }: Profile,
  identifier: string,
  counts: readonly ProfileCount[],
) {
  const count = (state: DeviceProfile['state']) =>
    counts.find((one) => one.identifier === identifier && one.action === 'install' && one.state === state)
      ?.count ?? 0
  const states = { done: count('done'), sent: count('sent'), failed: count('failed') }
  return { name, title, file, identifier, encrypted, required, removal: removal.kind, ...states }
}

function describeFailure({ enrollment, error = '', attempts, dueAt }: DeviceProfile) {
  return { enrollment, error, attempts, ...(dueAt !== undefined && { dueAt }) }
}
