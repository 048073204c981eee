import { describe } from '../../audit/describe.ts'
import { defineCommand } from '../command.ts'
import {
  commandTable,
  enrollmentDetails,
  identityDetails,
  inventoryDetails,
  profileTable,
} from '../enrollment-text.ts'
import { findEnrollment } from '../find-enrollment.ts'
import { withRecord } from '../record.ts'

export const enrollShow = defineCommand({
  name: 'enroll show',
  summary:
    'Show one enrolled device: what it is, what it told, its profiles and commands, and what was done.',
  details: 'With --json, everything that the device has told of itself.',
  args: [{ name: 'ID', description: 'The enrollment, by its id in `enroll list` or by its serial number.' }],
  options: {},
  examples: [{ line: 'enroll show F2LX0001', description: 'Has it done what it was told?' }],
  async run(context) {
    await withRecord(context, async (store) => {
      const enrollment = await findEnrollment(store, context.args[0] ?? '')
      const { id } = enrollment
      const inventory = await store.enrollments.inventory(id)
      const commands = await store.mdmCommands.list({ enrollment: id, limit: 20 })
      const profiles = await store.deviceProfiles.of([id])
      const identity = await store.certificates.byFingerprint(enrollment.certificate)
      const renewal = await store.renewals.get(id)
      const history = await store.audit.list({ subject: id, limit: 20 })
      context.out.show({ enrollment, renewal, inventory, profiles, commands, history }, () =>
        [
          [enrollmentDetails(enrollment), identityDetails(identity, renewal)].filter(Boolean).join('\n'),
          ...(Object.keys(inventory).length > 0 ? [`What it told:\n${inventoryDetails(inventory)}`] : []),
          ...(profiles.length > 0 ? [`Profiles:\n${profileTable(profiles)}`] : []),
          ...(commands.length > 0 ? [`Commands, newest first:\n${commandTable(commands)}`] : []),
          ...(history.length > 0 ? [`What was done:\n${history.map(describe).join('\n')}`] : []),
        ].join('\n\n'),
      )
    })
    return 0
  },
})
