import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { chatBehindGateway } from '../helpers/chat.ts'
import { appPolicy, companyApp } from '../helpers/company-app.ts'
import { inProcess } from '../helpers/in-process.ts'

t.test('gatehouse app simulate registers as the app would, and says what came of it', async (t) => {
  const app = companyApp(t)
  const { gateway } = await chatBehindGateway(t, { settings: app.section, policy: appPolicy })
  const ca = join(gateway.folder, 'ca.crt')
  writeFileSync(ca, gateway.ca)
  const simulate = (...more: readonly string[]) =>
    inProcess(
      [
        ...['app', 'simulate', '--user', 'alice', '--device-id', '00008110-000A1B2C3D4E801E'],
        ...['--gateway', `https://register.localhost:${gateway.tls}`, '--connect', '127.0.0.1', '--ca', ca],
        ...['--config', gateway.settingsFile],
        ...more,
      ],
      gateway.settingsFile,
    )
  const told = await simulate('--open')
  t.equal(told.code, 0, told.stderr)
  t.match(told.stdout, /First contact {5}200, registered as d_\w+\nLink for chat {5}https:/)
  t.match(
    told.stdout,
    /Opened {12}https:\/\/chat\.localhost:\d+\/\.gatehouse\/app\/bind\?ticket=.*\n\s+303 \//,
  )

  const old = await simulate('--app-version', '1.0', '--json')
  t.equal(old.code, 1)
  t.match(JSON.parse(old.stdout), { status: 403, answer: { reason: 'app.version-outdated' } })
  const key = await simulate('--package-key', '1999')
  t.match([key.code, key.stderr], [2, /There is no package key 1999; there are 2026-02, 2026-01/])
  const nobody = await inProcess(['app', 'simulate', '--config', gateway.settingsFile], gateway.settingsFile)
  t.match([nobody.code, nobody.stderr], [2, /is missing/])
})
