import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Settings } from '../src/settings/settings.ts'
import { alicesPhone, type EvaluationVendor } from './vendors/evaluation.ts'

interface Counterparts {
  /** By the name of their service. */
  readonly samples: Readonly<Record<string, unknown>>
  readonly vendors: readonly EvaluationVendor[]
  readonly pushService?: { readonly origin: string }
}

/** What `npm start` prints: where everything listens, and lines to paste. */
export async function walkthrough(
  root: string,
  settings: Settings,
  { samples, vendors, pushService }: Counterparts,
): Promise<string> {
  const [listener] = settings.gateway.listen
  const port = listener?.port ?? 443
  const reference = await refusedReference(root, port)
  const rows = [
    ...settings.gateway.listen.map(({ scheme, host, port }) => ['gateway', `${scheme}://${host}:${port}`]),
    ['management', `http://${settings.management.listen.host}:${settings.management.listen.port}`],
    ...settings.services
      .filter((service) => service.name in samples)
      .map(({ name, upstream, hosts }) => [
        name,
        `https://${hosts[0]}:${port} → sample at ${upstream[0]?.origin}`,
      ]),
    ...vendors.map(({ name, simulation }) => [
      name,
      `simulated MDM at ${simulation.url}, controlled at ${simulation.controlUrl}`,
    ]),
    ...(settings.enrollment && pushService
      ? [
          [
            'enrollment',
            `${settings.enrollment.publicUrl}, pushes by a simulated APNs at ${pushService.origin}`,
          ],
        ]
      : []),
    ['access log', 'data/gatehouse.log'],
  ]
  return `
${rows.map(([what, where]) => `  ${what?.padEnd(12)}${where}`).join('\n')}

Paste these in another terminal, in this folder. 127.20.0.0/16 plays the certificate Wi-Fi, everything else the internet.

${[...steps(port, reference), ...postureSteps(port, vendors[0]), ...(pushService ? [enrollmentStep] : [])]
  .map(([what, line]) => `  # ${what}\n  ${line}\n`)
  .join('\n')}
In a browser: https://chat.localhost:${port} (trust certs/ca.crt) shows what an unregistered device sees. To get in, add
127.0.0.1/32 to \`vpn\` in config/policy.yaml, try again, and sign in as bob (builder), who has a
computer of each kind. Ctrl-C stops everything.
`
}

/** What a client of alice's phone says of itself. */
const asPhone = "-A 'iPhone OS 17_5_1'"

/** A phone that goes out of compliance, and its open stream. */
function postureSteps(
  port: number,
  vendor: EvaluationVendor | undefined,
): readonly (readonly [string, string])[] {
  if (vendor === undefined) return []
  const chat = `curl --cacert certs/ca.crt ${asPhone} -b data/cookies https://chat.localhost:${port}`
  const phone = `${vendor.simulation.controlUrl}/devices/${alicesPhone}`
  const change = (words: string) => `curl -s -o data/device.json -X PATCH ${phone} -d '${words}'`
  return [
    ['A stream that stays open: new messages arrive here', `${chat.replace('curl', 'curl -N')}/api/events &`],
    [
      'The MDM finds alice’s phone out of compliance: within seconds the stream is cut',
      change('{"compliance":"noncompliant"}'),
    ],
    ['and the phone is refused, with the reason', `${chat}/api/messages`],
    ['Mended, and soon let in again', change('{"compliance":"compliant"}')],
  ]
}

const enrollmentStep: readonly [string, string] = [
  'An iPhone of bob’s enrolls, is let in by its certificate, does what it is told, and leaves at Ctrl-C',
  `bin/gatehouse enroll simulate --user bob --check-out --ca certs/ca.crt --code "$(bin/gatehouse enroll code create --user bob --why Trying)"`,
]

function steps(port: number, reference: string): readonly (readonly [string, string])[] {
  const curl = 'curl --cacert certs/ca.crt'
  const chat = `https://chat.localhost:${port}`
  const android = `${curl} -A 'Android 14; SM-G991B' -b data/carol -c data/carol`
  return [
    ['An unknown device on the internet is refused', `${curl} ${chat}/api/messages`],
    ['A browser there is sent to the registration address', `${curl} -i -H 'Accept: text/html' ${chat}/`],
    [
      'From the certificate Wi-Fi, signing in registers it',
      `${curl} -i --interface 127.20.0.5 ${asPhone} -b data/cookies -c data/cookies -d 'username=alice&password=wonderland' ${chat}/login`,
    ],
    ['From then on the internet is good enough', `${curl} ${asPhone} -b data/cookies ${chat}/api/messages`],
    [
      'The company app on carol’s phone gets a one-time link, from anywhere, and her browser opens it',
      `${android} -o data/page.html "$(bin/gatehouse app simulate --user carol --platform android --device-id 352099000000051 --device-id-type IMEI --service chat --connect 127.0.0.1 --ca certs/ca.crt --json | grep -o 'https://chat[^"]*')"`,
    ],
    [
      'so that signing in registers it, for that very phone in the MDM',
      `${android} -i -d 'username=carol&password=contractor' ${chat}/login`,
    ],
    ['Which apps are there?', 'bin/gatehouse app list'],
    ['Why was the first one refused?', `bin/gatehouse explain ${reference}`],
  ]
}

/** The first of the steps, made for its reference: `explain` can then be pasted as it stands. */
async function refusedReference(root: string, port: number): Promise<string> {
  const ca = readFileSync(join(root, 'certs/ca.crt'))
  const sent = request({
    host: '127.0.0.1',
    port,
    path: '/api/messages',
    headers: { host: `chat.localhost:${port}` },
    servername: 'chat.localhost',
    ca,
    agent: false,
  })
  const answer = await new Promise<string>((resolve, reject) => {
    sent.on('error', reject)
    sent.on('response', (response) => text(response).then(resolve, reject))
    sent.end()
  }).catch(() => '')
  return /"reference":\s*"([^"]+)"/.exec(answer)?.[1] ?? 'REFERENCE'
}
