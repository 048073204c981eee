import type { Enrollment } from '../../domain/enrollment.ts'
import { defineCommand, type ExitCode } from '../command.ts'
import { CommandFailed } from '../errors.ts'
import { findEnrollment } from '../find-enrollment.ts'
import { actor, whyOption, withRecord } from '../record.ts'

export const push = defineCommand({
  name: 'push',
  summary: 'Wake enrolled devices by a push, so that they fetch what waits for them.',
  details:
    'Commands and profiles push by themselves; this is for a device that seems asleep. The push worker sends it, now or when it\nruns again. Without --why it only tells how the last push went.',
  args: [
    {
      name: 'ID',
      description: 'The enrollments, by their id in `enroll list` or by serial number.',
      many: true,
    },
  ],
  options: { why: { ...whyOption, description: 'The reason, for the audit log. Needed for a push.' } },
  examples: [
    { line: "push F2LX0001 --why 'does not take its profile'", description: 'Wake one device' },
    { line: 'push F2LX0001', description: 'How its last push went' },
  ],
  async run(context) {
    const by = context.options.why === undefined ? undefined : actor(context, 'push')
    return withRecord<ExitCode>(context, async (store) => {
      const enrollments: Enrollment[] = []
      // All of them are looked at before the first is woken.
      for (const name of context.args) {
        const enrollment = await findEnrollment(store, name)
        if (by !== undefined && !enrollment.pushable)
          throw new CommandFailed(`${name} has no push token: it comes by itself, or not at all`)
        enrollments.push(enrollment)
      }
      const results: PushReport[] = []
      for (const { id, pushable } of enrollments) {
        if (by !== undefined) {
          await store.pushOutbox.wantPush(id, by.at)
          await store.audit.append({
            ...{ at: by.at, action: 'push.requested', actor: by.name, subject: id, why: by.why },
            details: {},
          })
        }
        const wanted = await store.pushOutbox.get(id)
        results.push({ enrollment: id, pushable, ...(wanted && { wanted }) })
      }
      context.out.show({ pushes: results }, () => results.map(describe).join('\n'))
      return 0
    })
  },
})

interface PushReport {
  readonly enrollment: string
  readonly pushable: boolean
  readonly wanted?: {
    readonly dueAt: number
    readonly accepted: number
    readonly failures: number
    readonly lastAnswer?: string
  }
}

function describe({ enrollment, pushable, wanted }: PushReport): string {
  if (!pushable) return `${enrollment}: has no push token`
  if (wanted === undefined) return `${enrollment}: nothing to wake it for`
  const { dueAt, accepted, failures, lastAnswer } = wanted
  const so =
    lastAnswer === undefined
      ? 'not sent yet'
      : `last answer ${lastAnswer}, accepted ${accepted}, failed ${failures} in a row`
  return `${enrollment}: push due ${new Date(dueAt).toISOString()}; ${so}`
}
