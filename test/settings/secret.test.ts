import { inspect } from 'node:util'
import t from 'tap'
import { effectiveSettings } from '../../src/settings/effective.ts'
import { Secret } from '../../src/settings/secret.ts'
import { loadGood, mistakes, services, store } from './settings-file.ts'

function withPassphrase(source: string): string[] {
  const tls = `tls: { cert: a.crt, key: a.key, passphrase: ${source} }`
  return ['gateway:', '  listen: ["https://127.0.0.1:8443"]', `  ${tls}`, services, store]
}

t.test('a secret comes from the environment or from a file', async (t) => {
  const env = { KEY: 'from the environment' }
  const fromEnv = loadGood(t, withPassphrase('{ env: KEY }'), { env })
  t.equal(fromEnv.gateway.tls?.certificates[0]?.passphrase?.reveal(), 'from the environment')
  const files = { secret: 'from a file\n\n' }
  const fromFile = loadGood(t, withPassphrase('{ file: secret }'), { files })
  t.equal(
    fromFile.gateway.tls?.certificates[0]?.passphrase?.reveal(),
    'from a file\n',
    'exactly one newline is left out',
  )
})

t.test('a secret that is not there is a mistake', async (t) => {
  t.strictSame(mistakes(t, withPassphrase('{ env: KEY }')), [
    '3:47 gateway.tls.passphrase: the environment variable KEY is not set',
  ])
  t.match(mistakes(t, withPassphrase('{ file: gone }')), [
    /passphrase: .*gone cannot be read: there is no such file/,
  ])
  t.match(mistakes(t, withPassphrase('{ file: empty }'), { files: { empty: '\n' } }), [/empty is empty/])
  t.match(mistakes(t, withPassphrase('{ env: KEY, file: secret }')), [/must be \{ env: NAME \} or/])
})

t.test('a secret in the file itself is refused, and not repeated', async (t) => {
  const found = mistakes(t, withPassphrase('hunter2'))
  t.match(found, [/secrets do not stand in this file/])
  t.notMatch(found.join(), /hunter2/)
})

t.test('a secret is never printed', async (t) => {
  const secret = new Secret('hunter2', { env: 'KEY' })
  for (const text of [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), inspect(secret)]) {
    t.notMatch(text, /hunter2/)
    t.match(text, /\*\*\*/)
  }
  const settings = loadGood(t, withPassphrase('{ env: KEY }'), { env: { KEY: 'hunter2' } })
  t.notMatch(inspect(settings, { depth: 10 }), /hunter2/)
  const effective = effectiveSettings(settings)
  t.notMatch(effective, /hunter2/)
  t.match(effective, /passphrase:\n +env: KEY/, 'where it comes from is shown')
})
