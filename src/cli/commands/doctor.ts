import { defineCommand } from '../command.ts'
import type { DoctorContext, Finding } from '../doctor/finding.ts'
import { checks } from '../doctor/table.ts'
import { plural } from '../output.ts'
import { readSettings } from '../settings-file.ts'

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary: 'Look for what will cause trouble: certificates, permissions, clock, limits, upstreams.',
  details: 'Changes nothing. Exit 1 when something fails; warnings alone do not.',
  options: {
    network: {
      type: 'flag',
      description: 'Connect to the upstreams and to Redis as well. No request is sent.',
    },
  },
  examples: [{ line: 'doctor --network', description: 'Before putting the gateway in front of a service' }],
  async run(context) {
    const { options, system, out } = context
    const settings = readSettings(context)
    const doctor: DoctorContext = { settings, now: system.now, network: options.network }
    const findings: Finding[] = []
    for (const check of checks) findings.push(...(await check(doctor)))
    const failed = findings.filter(({ level }) => level === 'fail').length
    const warned = findings.filter(({ level }) => level === 'warn').length
    out.show({ findings, failed, warned }, () =>
      [...findings.map(line), '', `${failed} failed, ${plural(warned, 'warning')}`].join('\n'),
    )
    return failed > 0 ? 1 : 0
  },
})

function line({ level, about, message, advice }: Finding): string {
  const told = `${level.padEnd(4)}  ${about}: ${message}`
  return advice === undefined ? told : `${told}\n      → ${advice}`
}
