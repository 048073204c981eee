import { isAssigned, isFor, userEnrollmentSystem, variablesOf } from '../../enrollment/profiles/assignment.ts'
import { buildProfile, NotForUserEnrollment, templateOf } from '../../enrollment/profiles/build-profile.ts'
import { organisationOf } from '../../enrollment/profiles/organisation.ts'
import { profilePlist } from '../../enrollment/profiles/seal-profile.ts'
import { MissingVariable, type VariableValues } from '../../enrollment/profiles/variables.ts'
import type { Store } from '../../store/ports.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import { findEnrollment } from '../find-enrollment.ts'
import { enrollmentOf, findProfile, profilesOf } from '../profile-files.ts'
import { withRecord } from '../record.ts'

const options = {
  user: { type: 'text', value: 'NAME', description: 'As for this user.' },
  device: { type: 'text', value: 'ID', description: 'As for this enrollment, by id or serial number.' },
} as const satisfies CommandOptions

export const enrollProfileShow = defineCommand({
  name: 'enroll profile show',
  summary: 'Print a profile as it would be sent to a user or a device. Secrets are not shown.',
  details: 'What is printed is neither encrypted nor signed. Exit 1 when it is not assigned to them.',
  args: [{ name: 'NAME', description: 'The profile’s name.' }],
  options,
  examples: [
    { line: 'enroll profile show company-mail --user anna', description: 'What is set up for Anna?' },
  ],
  async run(context) {
    const { user, device } = context.options
    if ((user === undefined) === (device === undefined))
      throw new UsageError('give one of --user and --device', 'enroll profile show')
    return withRecord(context, async (store, settings) => {
      const enrollment = enrollmentOf(settings)
      const profile = findProfile(profilesOf(settings, context.system.env), context.args[0]!)
      const organisation = await organisationOf(enrollment, store.keys)
      const subject = await subjectOf({ user, device }, store, enrollment.organisation)
      const { enrollment: of, person } = subject
      // Of a user without a device, systems and channels are not known.
      const assigned = of
        ? isAssigned(profile, { enrollment: of, person })
        : isFor(profile.assign, subject.user, person)
      try {
        const built = buildProfile(templateOf(profile, organisation), subject, { masked: true })
        const plist = profilePlist(built).toString()
        const { identifier, uuid } = built
        context.out.show({ profile: profile.name, identifier, uuid, assigned, plist }, () =>
          assigned ? plist.trimEnd() : `${plist}\nIt is not assigned to ${device ?? subject.user}.`,
        )
        return assigned ? 0 : 1
      } catch (error) {
        if (error instanceof MissingVariable || error instanceof NotForUserEnrollment)
          throw new CommandFailed(`It cannot be made for them: ${error.message}`)
        throw error
      }
    })
  },
})

async function subjectOf(
  { user, device }: { readonly user: string | undefined; readonly device: string | undefined },
  store: Store,
  organisation: string,
) {
  const enrollment = device === undefined ? undefined : await findEnrollment(store, device)
  const name = (enrollment?.user ?? user)?.toLowerCase()
  const person = name === undefined ? undefined : (await store.enrolledPeople.of([name])).get(name)
  const email = person?.email ?? (name?.includes('@') ? name : undefined)
  const values: VariableValues =
    enrollment === undefined
      ? {
          organisation,
          ...sampleDevice,
          ...(name !== undefined && { user: name }),
          ...(email !== undefined && { email }),
          ...(person?.fullName !== undefined && { name: person.fullName }),
        }
      : variablesOf({ enrollment, person }, organisation)
  return {
    enrollment,
    user: name,
    person,
    values,
    userEnrollment: enrollment && userEnrollmentSystem(enrollment),
  }
}

/** What differs from device to device of the same user. */
const sampleDevice = { device: '(device)', serial: '(serial)', udid: '(udid)', model: '(model)' }
