import { resolve } from 'node:path'
import { platforms } from '../../domain/client-identity.ts'
import { postureStates } from '../../domain/posture.ts'
import { reasons } from '../../domain/reason.ts'
import { type CommandContext, type CommandOptions, defineCommand, type ExitCode } from '../command.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import type { Assumptions } from '../explain/assume.ts'
import { identifiedText } from '../explain/identified-text.ts'
import type { Explained } from '../explain/live.ts'
import type { RequestFlags } from '../explain/request.ts'
import { explainStored, storedText } from '../explain/stored.ts'
import { explanationText, isLetThrough } from '../explanation-text.ts'
import { readPolicy } from '../policy-file.ts'
import { withRecord } from '../record.ts'

const options = {
  url: { type: 'text', value: 'URL', description: 'The address that the client asks for.' },
  from: { type: 'text', value: 'ADDRESS', description: 'The address that the connection comes from.' },
  method: { type: 'text', value: 'METHOD', description: 'GET unless given.' },
  header: { type: 'list', value: "'NAME: VALUE'", short: 'H', description: 'A header field of the request.' },
  certificate: { type: 'text', value: 'PATH', description: 'The client certificate (PEM) that it shows.' },
  at: { type: 'time', value: 'TIME', description: 'When, such as 2026-08-22T14:00; now unless given.' },
  user: { type: 'text', value: 'NAME', description: 'Assume that this user’s credentials come with it.' },
  'sign-in': { type: 'flag', description: 'Assume that the request signs the user in.' },
  registered: { type: 'flag', description: 'Assume a registered client, when the record knows none.' },
  'registered-ago': {
    type: 'duration',
    value: 'DURATION',
    description: 'Assume that it registered so long ago.',
  },
  posture: {
    type: 'text',
    value: 'POSTURE',
    oneOf: postureStates,
    description: 'Assume this posture of a registered client.',
  },
  platform: { type: 'text', value: 'PLATFORM', oneOf: platforms, description: 'Assume this platform.' },
  'os-version': {
    type: 'text',
    value: 'VERSION',
    description: 'Assume this version of the operating system.',
  },
} as const satisfies CommandOptions

type Context = CommandContext<typeof options>

export const explainCommand = defineCommand({
  name: 'explain',
  summary:
    'Tell why a request was refused, or what would happen to one: every rule, and why it matches or not.',
  details:
    'REFERENCE is the id on a refusal page and in the access log. With --url and --from instead, the request is judged\nby the settings, the policy and the record as they are now; nothing is sent and nothing changed.\nExit 0 when the request is let through, 1 when it is not.',
  args: [{ name: 'REFERENCE', description: 'The reference id of a refusal.', optional: true }],
  options,
  examples: [
    { line: 'explain 0f3kq8z1', description: 'Why was this refused?' },
    {
      line: 'explain --url https://mail.example.com/owa/ --from 203.0.113.7 --registered --posture compliant',
      description: 'Would a compliant device get in from the internet?',
    },
  ],
  async run(context) {
    const [reference] = context.args
    const { url, from } = context.options
    if (reference !== undefined) {
      if (url !== undefined || from !== undefined)
        throw new UsageError('Give either REFERENCE or --url and --from', 'explain')
      return explainReference(reference, context)
    }
    if (url === undefined && from === undefined)
      throw new UsageError('REFERENCE is missing, or --url and --from', 'explain')
    if (from === undefined)
      throw new UsageError(
        '--from is missing: where the connection comes from, such as 203.0.113.7',
        'explain',
      )
    if (url === undefined)
      throw new UsageError(
        '--url is missing: what is asked for, such as https://mail.example.com/',
        'explain',
      )
    return explainFlags(requestFlags(url, from, context), context)
  },
})

function requestFlags(url: string, from: string, { options, system }: Context): RequestFlags {
  const { method = 'GET', header, certificate, at = system.now() } = options
  return {
    ...{ url, from, method, header, at },
    ...(certificate !== undefined && { certificate: resolve(system.cwd, certificate) }),
  }
}

async function explainReference(reference: string, context: Context): Promise<ExitCode> {
  return withRecord(context, async (store, settings) => {
    const refusal = await store.refusals.get(reference)
    if (refusal === undefined)
      throw new CommandFailed(
        `No refusal ${reference} is kept: it is older than the newest 10000, or was refused before its service was known (not valid HTTP, an unknown host). The access log has its reason: look for "id":"${reference}"`,
      )
    const policy = await readPolicy(settings, context.system.now)
    const explained = await explainStored(refusal, { policy, store }, context.system.now())
    context.out.show(explained, () => storedText(explained))
    return isLetThrough(refusal.explanation.decision) ? 0 : 1
  })
}

async function explainFlags(flags: RequestFlags, context: Context): Promise<ExitCode> {
  return withRecord(context, async (store, settings) => {
    const policy = await readPolicy(settings, context.system.now)
    const assumed = assumptions(context.options)
    // Loaded only here: it brings every client protocol with it.
    const { explainRequest } = await import('../explain/live.ts')
    const explained = await explainRequest(flags, assumed, { settings, policy, store })
    switch (explained.kind) {
      case 'refused-at-the-edge':
        return showEdge(explained.refused, context)
      case 'no-service':
        return showNoService(explained, context)
      case 'assessed':
        return showAssessed(explained, assumed, context)
    }
  })
}

function assumptions(given: Context['options']): Assumptions {
  const platform = platforms.find((name) => name === given.platform)
  const posture = postureStates.find((name) => name === given.posture)
  return {
    signIn: given['sign-in'],
    registered: given.registered,
    ...(given.user !== undefined && { user: given.user }),
    ...(platform !== undefined && { platform }),
    ...(given['os-version'] !== undefined && { osVersion: given['os-version'] }),
    ...(given['registered-ago'] !== undefined && { registeredAgo: given['registered-ago'] }),
    ...(posture !== undefined && { posture }),
  }
}

function showEdge(
  { refused, detail }: { readonly refused: keyof typeof reasons; readonly detail: string },
  { out }: Context,
) {
  out.show({ decision: { verdict: 'refuse', reason: refused }, detail }, () =>
    [
      `Refused before any rule: ${refused} (${detail})`,
      `  ${reasons[refused].sentence}`,
      `  ${reasons[refused].operator}`,
    ].join('\n'),
  )
  return 1 as const
}

function showNoService(
  { head, why }: Explained & { readonly kind: 'no-service' },
  context: Context,
): ExitCode {
  if (why === 'host.unknown')
    return showEdge({ refused: why, detail: `no service has the host ${head.host}` }, context)
  context.out.show(
    { ownPage: head.path },
    () => `${head.path} on ${head.host} is a page of Gatehouse itself.`,
  )
  return 0
}

function showAssessed(
  { head, assessment, explanation }: Explained & { readonly kind: 'assessed' },
  assumed: Assumptions,
  { out }: Context,
): ExitCode {
  const { facts, state, identification } = assessment
  const { source } = head
  out.show({ source, identification, assumed, facts, state, ...explanation }, () =>
    [identifiedText(head, identification), explanationText(explanation, { facts, state })].join('\n'),
  )
  return isLetThrough(explanation.decision) ? 0 : 1
}
