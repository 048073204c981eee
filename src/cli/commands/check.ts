import { PushCertificateUnusable, readPushCertificate } from '../../apns/push-certificate.ts'
import { readProfiles } from '../../enrollment/profiles/read-profiles.ts'
import { loadTlsMaterial, TlsMaterialError } from '../../gateway/listener/tls-material.ts'
import { formatProblem, type Problem } from '../../lib/yaml-document.ts'
import { type Announcement, announcements } from '../../policy/announcements.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { policyWarnings } from '../../policy/warnings.ts'
import { effectiveSettings } from '../../settings/effective.ts'
import { loadSettings } from '../../settings/load.ts'
import type { Settings } from '../../settings/settings.ts'
import { defineCommand } from '../command.ts'
import { WrongSettings } from '../errors.ts'
import { plural } from '../output.ts'
import { readPolicy } from '../policy-file.ts'
import { settingsPath } from '../settings-file.ts'

/** A rule with a start date ahead of it, so that nobody is surprised by it. */
function describeComing({ list, rule, from }: Announcement) {
  return { list, rule: rule.name, from: new Date(from).toISOString() }
}

interface Checked {
  readonly settings?: Settings
  readonly policy?: CompiledPolicy
  readonly problems: readonly Problem[]
}

export const checkCommand = defineCommand({
  name: 'check',
  summary: 'Check settings and policy, and run the policy’s own tests, without starting anything.',
  details:
    'Prints every mistake with file, line and column, and warns of what is legal and dangerous.\nExit 1 when there are mistakes.',
  options: {
    effective: {
      type: 'flag',
      description: 'Print every setting with the value that holds, defaults included. Secrets are not shown.',
    },
  },
  examples: [
    { line: 'check', description: 'Before a reload or restart' },
    { line: 'check --effective', description: 'Which limits are in force?' },
  ],
  async run(context) {
    const { out, options, system } = context
    const path = settingsPath(context)
    const { settings, policy, problems } = await check(path, system)
    const warnings =
      settings === undefined || policy === undefined
        ? []
        : policyWarnings(policy, {
            services: settings.services,
            trustedProxies: settings.gateway.trustedProxies,
            now: system.now(),
          })
    const coming = policy === undefined ? [] : announcements(policy, system.now()).map(describeComing)
    const effective = options.effective && settings !== undefined ? effectiveSettings(settings) : undefined
    out.show(
      {
        settings: path,
        policy: settings?.policy,
        problems,
        warnings,
        coming,
        ...(effective !== undefined && { effective }),
      },
      () =>
        [
          ...(effective === undefined ? [] : [effective.trimEnd(), '']),
          ...problems.map(formatProblem),
          ...warnings.map(
            ({ rule, message }) => `warning: ${rule === undefined ? '' : `${rule}: `}${message}`,
          ),
          ...coming.map(({ rule, list, from }) => `coming: ${list}: ${rule} holds from ${from}`),
          verdict(path, settings, problems, warnings.length),
        ].join('\n'),
    )
    return problems.length > 0 ? 1 : 0
  },
})

async function check(
  path: string,
  { env, now }: { readonly env: NodeJS.ProcessEnv; readonly now: () => number },
): Promise<Checked> {
  const { settings, problems } = loadSettings(path, env)
  if (settings === undefined) return { problems }
  const certificates = [
    ...(await certificateProblems(settings)),
    ...pushCertificateProblems(settings),
    ...profileProblems(settings, env),
  ]
  try {
    return { settings, policy: await readPolicy(settings, now), problems: certificates }
  } catch (error) {
    if (error instanceof WrongSettings) return { settings, problems: [...certificates, ...error.problems] }
    throw error
  }
}

/** Devices keep what they have until these are gone. */
function profileProblems({ enrollment }: Settings, env: NodeJS.ProcessEnv): readonly Problem[] {
  return enrollment === undefined ? [] : readProfiles(enrollment.profiles.files, env).problems
}

/** Without it no device is woken, and none can enroll. */
function pushCertificateProblems({ apns, file }: Settings): Problem[] {
  try {
    if (apns !== undefined) readPushCertificate(apns)
    return []
  } catch (error) {
    if (!(error instanceof PushCertificateUnusable)) throw error
    return [{ file, line: 1, column: 1, key: 'apns.certificate', message: error.message }]
  }
}

/** The gateway does not start with certificates that cannot be used. */
async function certificateProblems({ gateway, file }: Settings): Promise<Problem[]> {
  try {
    if (gateway.tls !== undefined) await loadTlsMaterial(gateway.tls)
    return []
  } catch (error) {
    if (!(error instanceof TlsMaterialError)) throw error
    return [{ file, line: 1, column: 1, key: 'gateway.tls', message: error.message }]
  }
}

function verdict(
  path: string,
  settings: Settings | undefined,
  problems: readonly Problem[],
  warnings: number,
): string {
  if (settings === undefined)
    return `\n${plural(problems.length, 'mistake')} in the settings; the policy was not looked at.`
  if (problems.length > 0)
    return `\n${plural(problems.length, 'mistake')}; the gateway would not start with them.`
  const count = warnings === 0 ? '' : `, ${plural(warnings, 'warning')}`
  return `${path} and ${settings.policy} are in order${count}.`
}
