import { profilePrefix } from '../../enrollment/profiles/identifiers.ts'
import { defineCommand } from '../command.ts'
import { findEnrollment } from '../find-enrollment.ts'
import { plural } from '../output.ts'
import { enrollmentOf, findProfile, profilesOf } from '../profile-files.ts'
import { actor, whyOption, withRecord } from '../record.ts'

export const enrollProfilePush = defineCommand({
  name: 'enroll profile push',
  summary: 'Send profiles again: one or all, to one device or all that have them.',
  details:
    'What has changed, or is missing, is sent without being told. Very many go out at the pace of the settings.',
  args: [{ name: 'NAME', description: 'The profile’s name. Left out: all of them.', optional: true }],
  options: {
    device: { type: 'text', value: 'ID', description: 'Only to this enrollment, by id or serial number.' },
    why: whyOption,
  },
  examples: [
    {
      line: 'enroll profile push staff-wifi --device C39XK0AAAA --why "joins no more"',
      description: 'One device’s Wi-Fi from scratch',
    },
  ],
  async run(context) {
    const by = actor(context, 'enroll profile push')
    const [name] = context.args
    return withRecord<0>(context, async (store, settings) => {
      const prefix = profilePrefix(enrollmentOf(settings).identifier)
      const profile =
        name === undefined ? undefined : findProfile(profilesOf(settings, context.system.env), name)
      const { device } = context.options
      const enrollment = device === undefined ? undefined : await findEnrollment(store, device)
      const again = await store.deviceProfiles.again(
        {
          ...(enrollment && { enrollment: enrollment.id }),
          ...(profile && { identifier: `${prefix}${profile.name}` }),
        },
        by,
      )
      context.out.show({ again }, () => `${plural(again, 'profile')} to be sent again.`)
      return 0
    })
  },
})
