import t from 'tap'
import { gateway, mistakes, store } from './settings-file.ts'

function named(name: string, host: string, rest = 'client: activesync'): string {
  return `  - { name: ${name}, hosts: [${host}], upstream: ["http://a"], ${rest} }`
}

t.test('a browser service says what its sign-in is', async (t) => {
  t.strictSame(
    mistakes(t, [gateway, 'services:', named('chat', 'chat.example.com', 'client: browser'), store]),
    ['3:5 services[0]: `client: browser` needs `signIn`, or `signIn: none` when there is no sign-in'],
  )
})

t.test('a sign-in must not fit every answer', async (t) => {
  const rest = 'client: browser, signIn: { path: /login, user: { form: u }, success: {} }'
  t.match(mistakes(t, [gateway, 'services:', named('chat', 'chat.example.com', rest), store]), [
    /success\.status: is missing/,
  ])
})

t.test('bearer and generic services have their blocks', async (t) => {
  t.match(
    mistakes(t, [
      gateway,
      'services:',
      named('api', 'api.example.com', 'client: bearer'),
      named('own', 'own.example.com', 'client: generic'),
      store,
    ]),
    [
      /3:5 services\[0\]: `client: bearer` needs `bearer`/,
      /4:5 services\[1\]: `client: generic` needs `generic`/,
    ],
  )
})

t.test('a block of another client is a mistake, not ignored', async (t) => {
  const lines = [gateway, 'services:', named('m', 'm.example.com', 'client: matrix, signIn: none'), store]
  t.match(mistakes(t, lines), [/services\[0\]\.signIn: belongs to `client: browser`, .*`client: matrix`/])
})

t.test('a claim is read only from a verified token', async (t) => {
  const generic =
    'client: generic, generic: { device: [{ claim: d }], user: { basic: true }, success: { status: [200] } }'
  const signIn = 'client: browser, signIn: { path: /login, user: { claim: sub }, success: { status: [302] } }'
  t.match(
    mistakes(t, [
      gateway,
      'services:',
      named('a', 'a.example.com', generic),
      named('b', 'b.example.com', signIn),
      store,
    ]),
    [
      /services\[0\]\.generic: a claim is read, so `bearer` is needed/,
      /services\[1\]\.signIn\.user: .*no verified claims/,
    ],
  )
})

t.test('a host has one owner', async (t) => {
  t.strictSame(
    mistakes(t, [
      'gateway: { listen: ["http://127.0.0.1:8080"], hosts: [register.example.com] }',
      'services:',
      named('mail', 'mail.example.com, "*.mail.example.com"'),
      named('web', 'Mail.Example.com'),
      named('web', 'register.example.com'),
      store,
    ]),
    [
      '4:26 services[1].hosts[0]: mail.example.com belongs to the service mail already',
      '5:13 services[2].name: another service is called web already',
      '5:26 services[2].hosts[0]: register.example.com belongs to the gateway itself (`gateway.hosts`) already',
    ],
  )
})

t.test('what is public must not cover the sign-in, where nobody could register then', async (t) => {
  const signIn = 'signIn: { path: "/realms/*/login", user: { form: u }, success: { status: [302] } }'
  const rest = `client: browser, ${signIn}, public: [/health, "/realms/*"]`
  t.match(mistakes(t, [gateway, 'services:', named('sso', 'sso.example.com', rest), store]), [
    /services\[0\]\.public\[1\]: covers `signIn\.path` \(\/realms\/\*\/login\)/,
  ])
})
