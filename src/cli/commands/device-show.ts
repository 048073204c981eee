import { describe } from '../../audit/describe.ts'
import type { AuditRecord } from '../../domain/audit.ts'
import { defineCommand, type ExitCode } from '../command.ts'
import { approvalDetails, deviceDetails } from '../device-text.ts'
import { findDevice } from '../find-device.ts'
import { withRecord } from '../record.ts'

export const deviceShow = defineCommand({
  name: 'device show',
  summary: 'Show one device: who, how it is recognised, its posture, and what was done to it.',
  args: [{ name: 'ID', description: 'r_… of a registered device, a_… of a waiting one.' }],
  options: {},
  examples: [{ line: 'device show r_4k2m9x', description: 'Why is this device blocked?' }],
  async run(context) {
    return withRecord<ExitCode>(context, async (store) => {
      const id = context.args[0]!
      const found = await findDevice(store, id)
      const history = await store.audit.list({ subject: id, limit: 20 })
      if (found.kind === 'approval') {
        context.out.show({ approval: found.approval, history }, () =>
          withHistory(approvalDetails(found.approval), history),
        )
      } else {
        context.out.show({ device: found.state, history }, () =>
          withHistory(deviceDetails(found.state), history),
        )
      }
      return 0
    })
  },
})

function withHistory(details: string, history: readonly AuditRecord[]): string {
  return history.length === 0 ? details : `${details}\n\nWhat was done:\n${history.map(describe).join('\n')}`
}
