import type { VisitAnswer } from '../../../sim/apple/visit.ts'
import type { CarriedOut, Iphone, IphoneOptions } from '../../../sim/iphone.ts'
import { type CommandContext, type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed } from '../errors.ts'
import { readSettings } from '../settings-file.ts'
import { simulators, wantedPhone } from '../simulated-phone.ts'

const options = {
  user: {
    type: 'text',
    value: 'NAME',
    description: 'Whose phone it is: who signs in at the service. Needed.',
  },
  code: {
    type: 'text',
    value: 'CODE',
    description: 'A one-time code for that user, from `enroll code create`. Needed.',
  },
  ca: {
    type: 'text',
    value: 'FILE',
    description: 'The CA of the certificates of enrollment service and gateway, PEM. Needed.',
  },
  enrollment: {
    type: 'text',
    value: 'URL',
    description: 'The enrollment service. Otherwise `enrollment.publicUrl`.',
  },
  service: {
    type: 'text',
    value: 'NAME',
    description: 'The service that the phone asks for. Otherwise the first.',
  },
  gateway: {
    type: 'text',
    value: 'URL',
    description: 'That service at the gateway. Otherwise its first host, at the first listener.',
  },
  password: {
    type: 'text',
    value: 'PASSWORD',
    description: 'The user’s password there. Otherwise that of alice, bob or carol in the evaluation.',
  },
  'check-out': { type: 'flag', description: 'At the end, remove the management as its user would.' },
} as const satisfies CommandOptions

type Context = CommandContext<typeof options>

export const enrollSimulate = defineCommand({
  name: 'enroll simulate',
  summary: 'Play an iPhone that enrolls at the evaluation on this machine, and print each step.',
  details: `Signs in with a one-time code, enrolls over the air, asks the gateway with its new certificate, then stays
until Ctrl-C: it comes when it is pushed to, and prints each command that it is given and what it answers.
It is for the evaluation: it knows this machine alone, and a simulated push service (\`apns.server\` at 127.0.0.1, its
devices on the next port). No part of it is in an installation without the folder sim/.`,
  options,
  examples: [
    {
      line: 'enroll simulate --user bob --ca certs/ca.crt --code "$(bin/gatehouse enroll code create --user bob --why Trying)"',
      description: 'Bob’s phone in the evaluation',
    },
  ],
  async run(context) {
    const { out } = context
    const settings = readSettings(context)
    const sim = await simulators()
    const told: Told = { answers: [], commands: [] }
    const wanted = { ...wantedPhone(context.options, settings, sim), events: printing(context, told) }
    try {
      const phone = await sim.Iphone.enroll(wanted)
      await stay(phone, context).finally(() => phone.off())
      const { udid, serial } = phone.device.options
      const enrolled = phone.device.management !== undefined
      if (out.json) out.show({ udid, serial, enrolled, ...told }, () => '')
      return 0
    } catch (error) {
      if (error instanceof sim.IphoneFailed) throw new CommandFailed(error.message)
      throw error
    }
  },
})

/** What `--json` prints at the end. */
interface Told {
  readonly answers: VisitAnswer[]
  readonly commands: CarriedOut[]
}

async function stay(phone: Iphone, context: Context): Promise<void> {
  const { out, options } = context
  out.note(nextSteps(phone, context))
  await Promise.race([stopSignal(), phone.left])
  if (options['check-out']) await phone.checkOut()
  const { management, wiped, options: about } = phone.device
  if (management !== undefined)
    return out.note(
      line('Switched off', `It stays enrolled: ${command(context, `enroll show ${about.serial}`)}`),
    )
  out.note(line('Left', wiped ? 'It was erased.' : 'Its management and its certificate have ended.'))
  if (!wiped) await phone.askAfterwards()
}

function nextSteps({ device }: Iphone, context: Context): string {
  const { serial } = device.options
  const steps = [
    `enroll show ${serial}`,
    `device command ${serial} DeviceLock --why Trying`,
    `enroll remove ${serial} --why Trying`,
  ].map((step) => `  ${command(context, step)}`)
  const end = context.options['check-out']
    ? 'Ctrl-C checks it out.'
    : 'Ctrl-C switches it off; with --check-out it leaves.'
  return ['It waits for pushes. In another terminal:', ...steps, end].join('\n')
}

function command({ config }: Context, words: string): string {
  return `bin/gatehouse ${words}${config === undefined ? '' : ` --config ${config}`}`
}

function printing({ out }: Context, told: Told): IphoneOptions['events'] {
  return {
    waiting: () => out.note(line('Waiting', 'The enrollment service does not listen yet.')),
    enrolled({ options }) {
      out.note(
        line(
          'Enrolled',
          `simulated iPhone ${options.serial}, ${options.udid}: over the air, with a certificate by SCEP`,
        ),
      )
    },
    asked(answer) {
      told.answers.push(answer)
      out.note(line('The gateway', wordsFor(answer)))
    },
    pushed: () => out.note(line('Pushed', 'It asks what there is to do.')),
    carriedOut(done) {
      told.commands.push(done)
      const { command, status, error } = done
      out.note(line(`  ${command}`, error === undefined ? status : `${status}: ${error}`))
    },
    trouble: (what) => out.warn(`gatehouse: ${what}`),
  }
}

function wordsFor({ asked, status, reason, reference }: VisitAnswer): string {
  const why = reason === undefined ? '' : ` ${reason}: gatehouse explain ${reference}`
  return `${asked} → ${status}${why}`
}

function line(what: string, words: string): string {
  return `${what.padEnd(20)}${words}`
}

/** Installed when the phone has enrolled: before that, Ctrl-C ends the command there and then. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}
