import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildProfile, revisionFor, templateOf } from '../../../src/enrollment/profiles/build-profile.ts'
import { profileJsonSchema } from '../../../src/enrollment/profiles/profile-schema.ts'
import { readProfiles } from '../../../src/enrollment/profiles/read-profiles.ts'
import { encryptedPlist, profilePlist, signProfile } from '../../../src/enrollment/profiles/seal-profile.ts'
import { expand, textMistake } from '../../../src/enrollment/profiles/variables.ts'
import { readPlist, readPlistDict } from '../../../src/lib/plist/read.ts'
import type { PlistDict } from '../../../src/lib/plist/values.ts'
import { openssl, selfSigned } from '../../helpers/openssl.ts'
import { mistakes, organisation, profileYaml, readGood } from './support.ts'

const recipient = {
  values: { user: 'ann', email: 'ann@example.com', organisation: 'Example Corp' },
  userEnrollment: undefined,
}

function payloadsOf(t: Test, payloads: readonly string[], files?: Readonly<Record<string, string | Buffer>>) {
  const template = templateOf(readGood(t, profileYaml(payloads), files), organisation)
  // Through the bytes: what the device reads.
  const { PayloadContent } = readPlistDict(profilePlist(buildProfile(template, recipient)))
  return PayloadContent as readonly PlistDict[]
}

t.test('an Exchange account is written with the user’s own name and address', async (t) => {
  const [payload] = payloadsOf(t, [
    'exchange: { host: mail.example.com, user: "%user%", email: "%email%", days: 31 }',
  ])
  t.match(payload, {
    PayloadType: 'com.apple.eas.account',
    PayloadIdentifier: 'com.example.mdm.profile.test.exchange',
    PayloadVersion: 1,
    Host: 'mail.example.com',
    SSL: true,
    UserName: 'ann',
    EmailAddress: 'ann@example.com',
    MailNumberOfPastDaysToSync: 31,
  })
})

/** What an administrator writes, and what the device is told: the whole of what profiles are for. */
const features: readonly (readonly [string, string, object])[] = [
  [
    'imap: { incomingHost: i, outgoingHost: o }',
    'com.apple.mail.managed',
    { EmailAccountType: 'EmailTypeIMAP' },
  ],
  [
    'pop: { incomingHost: i, outgoingHost: o }',
    'com.apple.mail.managed',
    { EmailAccountType: 'EmailTypePOP' },
  ],
  [
    'ldap: { host: h, search: [{ base: "dc=x", scope: subtree }] }',
    'com.apple.ldap.account',
    {
      LDAPAccountHostName: 'h',
      LDAPSearchSettings: [
        { LDAPSearchSettingSearchBase: 'dc=x', LDAPSearchSettingScope: 'LDAPSearchSettingScopeSubtree' },
      ],
    },
  ],
  [
    'restrictions: { applications: { install: false, inAppPurchases: false, youTube: false, iTunesStore: false, safari: false } }',
    'com.apple.applicationaccess',
    {
      ...{ allowAppInstallation: false, allowInAppPurchases: false, allowYouTube: false },
      ...{ allowiTunes: false, allowSafari: false },
    },
  ],
  [
    'restrictions: { functions: { camera: false, screenCapture: false, roamingSync: false } }',
    'com.apple.applicationaccess',
    { allowCamera: false, allowScreenShot: false, allowGlobalBackgroundFetchWhenRoaming: false },
  ],
  [
    'restrictions: { safari: { autoFill: false, javaScript: false, popUps: false, fraudWarning: true } }',
    'com.apple.applicationaccess',
    {
      ...{ safariAllowAutoFill: false, safariAllowJavaScript: false, safariAllowPopups: false },
      safariForceFraudWarning: true,
    },
  ],
  [
    'restrictions: { ratings: { region: de, movies: pg-13, tvShows: tv-14, apps: 12+ } }',
    'com.apple.applicationaccess',
    { ratingRegion: 'de', ratingMovies: 300, ratingTVShows: 500, ratingApps: 300 },
  ],
  [
    'passcode: { minLength: 6, maxFailedAttempts: 10, history: 5, maxAgeDays: 90, graceMinutes: 1 }',
    'com.apple.mobiledevice.passwordpolicy',
    {
      ...{ forcePIN: true, minLength: 6, maxFailedAttempts: 10, pinHistory: 5 },
      ...{ maxPINAgeInDays: 90, maxGracePeriod: 1 },
    },
  ],
  [
    'webclip: { label: Help, url: "https://help.example.com/?user=%user%", removable: false }',
    'com.apple.webClip.managed',
    { Label: 'Help', URL: 'https://help.example.com/?user=ann', IsRemovable: false },
  ],
]

t.test('what administrators write becomes what devices know', async (t) => {
  for (const [yaml, PayloadType, keys] of features)
    t.match(payloadsOf(t, [yaml])[0], { PayloadType, ...keys }, yaml)
})

t.test('what a variable stands for stays text, whatever is in it', async (t) => {
  t.equal(expand('%user%', { user: '%email%<&>' }), '%email%<&>')
  t.equal(
    expand('https://x.example/?u=%user%', { user: 'a&b=c d' }, 'url'),
    'https://x.example/?u=a%26b%3Dc%20d',
  )
  t.equal(expand('100 %% %user%', { user: 'ann' }), '100 % ann')
  t.throws(() => expand('%email%', { user: 'ann' }), { name: 'MissingVariable', variable: 'email' })
  t.throws(() => expand('%user%', { user: 'a\nb' }), { name: 'MissingVariable' })
  t.match(textMistake('%usr%'), /no variable %usr%.*Did you mean %user%/)
  t.match(textMistake('50% off'), /written as %%/)
  t.equal(textMistake('50%% off for %user%'), undefined)
})

t.test(
  'Wi-Fi proves the device with the certificate of the same profile, and trusts the network’s own servers',
  async (t) => {
    const tool = openssl(t)
    selfSigned(tool, 'radius')
    const root = readFileSync(join(tool.folder, 'radius.crt'))
    const [ca, scep, wifi] = payloadsOf(
      t,
      [
        'certificate: { id: radius-ca, file: ca.pem }',
        'scep: { id: device }',
        'wifi: { ssid: Staff, encryption: wpa3, eap: [tls], identity: device, anchors: [radius-ca], trustedServers: [radius.example.com] }',
      ],
      { 'ca.pem': root },
    )
    t.strictSame(ca?.PayloadContent, new X509Certificate(root).raw, 'DER')
    t.match(wifi, {
      PayloadCertificateUUID: scep?.PayloadUUID,
      EncryptionType: 'WPA3',
      EAPClientConfiguration: {
        AcceptEAPTypes: [13],
        PayloadCertificateAnchorUUID: [ca?.PayloadUUID],
        TLSTrustedServerNames: ['radius.example.com'],
      },
    })
    t.match(scep?.PayloadContent, {
      URL: organisation.scepUrl,
      'Key Type': 'RSA',
      'Key Usage': 5,
      Keysize: 2048,
      KeyIsExtractable: false,
    })
  },
)

t.test('VPN’s booleans are whole numbers, Safari’s cookies a real one', async (t) => {
  const template = templateOf(
    readGood(
      t,
      profileYaml([
        'scep: {}',
        'vpn: { name: Corp, server: vpn.example.com, serverId: vpn.example.com, localId: "%user%", identity: scep, onDemandEnabled: true, onDemand: [{ action: connect }] }',
        'restrictions: { safari: { cookies: visited, fraudWarning: true }, ratings: { movies: pg-13 }, functions: { camera: false } }',
      ]),
    ),
    organisation,
  )
  const text = profilePlist(buildProfile(template, recipient)).toString()
  t.match(text, /<key>OnDemandEnabled<\/key>\s*<integer>1<\/integer>/)
  t.match(text, /<key>EnablePFS<\/key>\s*<integer>1<\/integer>/)
  t.match(text, /<key>safariAcceptCookies<\/key>\s*<real>1.5<\/real>/)
  t.match(text, /<key>allowCamera<\/key>\s*<false\/>/)
  t.match(text, /<key>ratingMovies<\/key>\s*<integer>300<\/integer>/)
})

t.test('a raw payload has Apple’s own keys, with types that YAML cannot say', async (t) => {
  const [payload] = payloadsOf(t, [
    'raw: { type: com.apple.domains, content: { EmailDomains: [example.com], Big: { $real: 2 }, Bytes: { $data: AAEC }, When: { $date: "2026-11-22T12:00:00Z" }, Who: "%user%" } }',
  ])
  t.match(payload, {
    PayloadType: 'com.apple.domains',
    EmailDomains: ['example.com'],
    Who: 'ann',
    Bytes: Buffer.from([0, 1, 2]),
  })
  t.strictSame(payload?.When, new Date('2026-11-22T12:00:00Z'))
  t.strictSame(
    mistakes(
      t,
      profileYaml(['raw: { type: com.apple.mdm, content: { PayloadUUID: x, A: { $data: "!" } } }']),
    ).map((one) => one.replace(/^\S+ /, '')),
    [
      'payloads[0].raw.type: the management itself comes with the enrollment, and nothing else brings it',
      'payloads[0].raw.content.PayloadUUID: is written by Gatehouse',
      'payloads[0].raw.content.A["$data"]: must be base64',
    ],
  )
})

t.test('mistakes are told with their line, and with what is allowed', async (t) => {
  const yaml = [
    'name: mail',
    'title: Mail',
    'assign: { groups: [staff], platforms: [ios, macos] }',
    'payloads:',
    '  - exchange: { host: mail.example.com, dayz: 3 }',
    '  - passcode: { minLength: 40 }',
    '  - wifi: { ssid: Staff, encryption: wpa4 }',
  ].join('\n')
  t.match(mistakes(t, yaml), [
    /^5:41 payloads\[0\]\.exchange\.dayz: unknown key\. Did you mean days\?/,
    /^6:28 payloads\[1\]\.passcode\.minLength: must be at most 16/,
    /^7:38 payloads\[2\]\.wifi\.encryption: must be one of wep, wpa, wpa2.*did you mean wpa/,
  ])
})

t.test('what only several keys show is a mistake, too', async (t) => {
  const cases: readonly [readonly string[], RegExp][] = [
    [['wifi: { ssid: S, eap: [tls], trustedServers: [r] }'], /identity: is missing: `eap: \[tls\]` needs/],
    [['wifi: { ssid: S, eap: [peap] }'], /trustedServers: is missing/],
    [['wifi: { ssid: S, eapUser: ann }'], /eapUser: is never used without `eap`/],
    [
      ['wifi: { ssid: S, eap: [tls], identity: nobody, trustedServers: [r] }'],
      /identity: must be the `id` of an identity/,
    ],
    [['passcode: {}', 'passcode: {}'], /there is another passcode in this profile: give each an `id`/],
    [
      [
        'exchange: { host: h, mail: false, contacts: false, calendars: false, reminders: false, notes: false }',
      ],
      /cannot all be off/,
    ],
    [['vpn: { name: V, server: s, serverId: s, localId: l }'], /identity: is missing/],
    [['scep: { subject: { CN: x } }'], /subject: belongs to another SCEP server/],
    [['certificate: { file: nowhere.pem }'], /cannot be read: there is no such file/],
    [
      ['imap: { incomingHost: i, outgoingHost: o, incomingPassword: { env: NOT_SET } }'],
      /NOT_SET is not set/,
    ],
    [['webclip: { label: x, url: "javascript:alert(1)" }'], /url: must be an address/],
    [['webclip: { label: x, url: "javascript:\'https://x\'" }'], /url: must be an address/],
    [['webclip: { label: x, url: "https://x y" }'], /url: must be an address/],
    [['exchange: { host: "https://mail.example.com" }'], /host: must be a host name/],
    [['passcode: { maxFailedAttempts: 1 }'], /maxFailedAttempts: must be at least 2/],
  ]
  for (const [payloads, expected] of cases) t.match(mistakes(t, profileYaml(payloads)).join('\n'), expected)
  t.match(
    mistakes(
      t,
      profileYaml(['exchange: { host: h }']).replace('everyone: true', 'everyone: true, platforms: [macos]'),
    ),
    [/platforms\[0\]: there is no exchange on macos/],
  )
  t.match(
    mistakes(
      t,
      profileYaml(['exchange: { host: h, password: { env: MAIL_PASSWORD } }'], ['encrypted: false']),
    ),
    [/encrypted: must not be false: the profile holds secrets/],
  )
  t.match(mistakes(t, profileYaml(['passcode: {}']).replace('everyone: true', 'platforms: [ios]')), [
    /assign: must name somebody/,
  ])
})

t.test('a file with a key is a secret, and whatever file a profile names is watched', async (t) => {
  const files = { 'shared.p12': Buffer.from([0x30, 0]), word: 'let me in' }
  const { encrypted, reads } = readGood(
    t,
    profileYaml(['identity: { file: shared.p12, password: { file: word } }']),
    files,
  )
  t.match(reads, [/\/shared\.p12$/, /\/word$/])
  t.ok(encrypted)
  t.ok(readGood(t, profileYaml(['identity: { file: shared.p12 }']), files).encrypted)
  const large = { 'large.pem': Buffer.alloc(2 ** 20 + 1) }
  t.match(mistakes(t, profileYaml(['certificate: { file: large.pem }']), large), [
    /large\.pem is larger than 1 MiB/,
  ])
})

t.test('two files of one name are a mistake: each would take the other’s place on the devices', async (t) => {
  const yaml = profileYaml(['passcode: {}'])
  const { profiles, problems } = readProfiles([t.testdir({ 'a.yaml': yaml, 'b.yaml': yaml })], {})
  t.match(problems, [
    { file: /b\.yaml$/, key: 'name', message: /there is a profile of this name in .*a\.yaml/ },
  ])
  t.equal(profiles, undefined)
})

t.test('the profile’s UUID is of its revision, those of its payloads stay', async (t) => {
  const build = (payload: string) => {
    const template = templateOf(readGood(t, profileYaml([payload])), organisation)
    const built = buildProfile(template, recipient)
    return { uuid: built.uuid, payload: built.payloads[0]?.PayloadUUID, template }
  }
  const one = build('exchange: { host: a.example.com, user: "%user%" }')
  const two = build('exchange: { host: b.example.com, user: "%user%" }')
  t.equal(one.payload, two.payload)
  t.not(one.uuid, two.uuid)
  t.equal(
    one.uuid,
    build('exchange: { host: a.example.com, user: "%user%" }').uuid,
    'made anew, it is the same',
  )
  t.not(revisionFor(one.template, { ...recipient, values: { user: 'bob' } }), one.uuid, 'another user')
  t.equal(
    revisionFor(one.template, { ...recipient, values: { ...recipient.values, email: 'other@example.com' } }),
    one.uuid,
    'what is not in it does not count',
  )
  const rekeyed = templateOf(one.template.profile, { ...organisation, revisionKey: Buffer.alloc(32, 8) })
  t.not(revisionFor(rekeyed, recipient), one.uuid, 'nobody can make it without the key')
  const locked = (...more: string[]) =>
    revisionFor(templateOf(readGood(t, profileYaml(['passcode: {}'], more)), organisation), recipient)
  const revisions = [
    locked(),
    locked('encrypted: true'),
    locked('removal: locked'),
    locked('removal: { password: { env: REMOVAL } }'),
    locked('removal: { password: { env: MAIL_PASSWORD } }'),
  ]
  t.equal(
    new Set(revisions).size,
    revisions.length,
    'how it is removed belongs to it, and with which password',
  )
})

t.test(
  'a renewed certificate is another one for the device; what uses it is told, the rest stays',
  async (t) => {
    const payloads = [
      'scep: {}',
      'wifi: { ssid: S, eap: [tls], identity: scep, trustedServers: [r] }',
      'passcode: {}',
    ]
    const template = templateOf(readGood(t, profileYaml(payloads)), organisation)
    const [before, after] = [recipient, { ...recipient, renews: 'A1' }].map((one) =>
      buildProfile(template, one),
    )
    t.not(before?.uuid, after?.uuid)
    const uuids = (built = before) => built?.payloads.map(({ PayloadUUID }) => PayloadUUID) ?? []
    const [scep, ...others] = uuids()
    const [renewed, ...same] = uuids(after)
    t.not(renewed, scep)
    t.strictSame(same, others)
    t.equal(after?.payloads[1]?.PayloadCertificateUUID, renewed)
  },
)

t.test(
  'a locked profile says so, one with a password carries it; neither in a user enrollment',
  async (t) => {
    const build = (removal: string, userEnrollment?: 'ios') => {
      const template = templateOf(
        readGood(t, profileYaml(['exchange: { host: h }'], [`removal: ${removal}`])),
        organisation,
      )
      return buildProfile(template, { ...recipient, userEnrollment })
    }
    t.equal(build('locked').frame.PayloadRemovalDisallowed, true)
    t.equal(build('allowed').frame.PayloadRemovalDisallowed, undefined)
    const withPassword = build('{ password: { env: REMOVAL } }')
    t.equal(withPassword.frame.HasRemovalPasscode, true)
    t.match(withPassword.payloads.at(-1), {
      PayloadType: 'com.apple.profileRemovalPassword',
      RemovalPassword: 'let me out',
    })
    t.equal(build('locked', 'ios').frame.PayloadRemovalDisallowed, undefined)
    t.equal(build('{ password: { env: REMOVAL } }', 'ios').payloads.length, 1)
    const vpn = templateOf(
      readGood(
        t,
        profileYaml(['scep: {}', 'vpn: { name: V, server: s, serverId: s, localId: l, identity: scep }']),
      ),
      organisation,
    )
    t.throws(() => buildProfile(vpn, { ...recipient, userEnrollment: 'ios' }), {
      name: 'NotForUserEnrollment',
    })
  },
)

t.test('a user enrollment gets nothing that Apple forbids there, each system its own', async (t) => {
  const build = (payload: string, userEnrollment: 'ios' | 'macos' | undefined) =>
    buildProfile(templateOf(readGood(t, profileYaml([payload])), organisation), {
      ...recipient,
      userEnrollment,
    }).payloads[0] ?? {}
  const limits = 'restrictions: { functions: { camera: false, siri: false, diagnostics: false } }'
  const left = (userEnrollment?: 'ios' | 'macos') =>
    Object.keys(build(limits, userEnrollment)).filter((key) => key.startsWith('allow'))
  t.strictSame(left(), ['allowCamera', 'allowAssistant', 'allowDiagnosticSubmission'])
  t.strictSame(left('ios'), ['allowAssistant', 'allowDiagnosticSubmission'])
  t.strictSame(left('macos'), ['allowDiagnosticSubmission'])
  t.match(build('passcode: {}', 'ios'), { forcePIN: true })
  t.throws(() => build('passcode: {}', 'macos'), { name: 'NotForUserEnrollment' })
  const proxy = 'wifi: { ssid: S, proxy: manual, proxyHost: p, proxyPort: 8080 }'
  t.match(build(proxy, 'macos'), { ProxyType: 'Manual' })
  t.notOk('ProxyType' in build(proxy, 'ios'))
})

t.test('secrets are not shown where they are masked', async (t) => {
  const profile = readGood(
    t,
    profileYaml(['imap: { incomingHost: i, outgoingHost: o, incomingPassword: { env: MAIL_PASSWORD } }']),
  )
  t.equal(profile.encrypted, true, 'with a secret, it is encrypted')
  const template = templateOf(profile, organisation)
  const shown = profilePlist(buildProfile(template, recipient, { masked: true })).toString()
  t.notMatch(shown, /correct horse/)
  t.match(shown, /<key>IncomingPassword<\/key>\s*<string>\*\*\*<\/string>/)
  t.match(profilePlist(buildProfile(template, recipient)).toString(), /correct horse/)
})

t.test('OpenSSL verifies the signature of a profile, and decrypts what is in it: an array', async (t) => {
  const tool = openssl(t)
  selfSigned(tool, 'signer')
  selfSigned(tool, 'device')
  const certificate = (name: string) => new X509Certificate(readFileSync(join(tool.folder, `${name}.crt`)))
  const key = createPrivateKey(readFileSync(join(tool.folder, 'signer.key')))
  const signer = { identity: { certificate: certificate('signer'), key }, chain: [] }
  const profile = readGood(
    t,
    profileYaml(['imap: { incomingHost: i, outgoingHost: o, incomingPassword: { env: MAIL_PASSWORD } }']),
  )
  const built = buildProfile(templateOf(profile, organisation), recipient)
  const plist = encryptedPlist(built, certificate('device'))
  tool.file('profile.p7', signProfile(plist, signer, Date.now()))
  tool.run(
    'cms',
    '-verify',
    '-inform',
    'DER',
    '-in',
    'profile.p7',
    '-CAfile',
    'signer.crt',
    '-out',
    'profile.plist',
  )
  const outer = readPlistDict(readFileSync(join(tool.folder, 'profile.plist')))
  t.match(outer, { PayloadType: 'Configuration', IsEncrypted: true, PayloadUUID: built.uuid })
  t.notOk('PayloadContent' in outer)
  tool.file('content.p7', Buffer.from(outer.EncryptedPayloadContent as Uint8Array))
  const plain = tool.run(
    'cms',
    '-decrypt',
    '-inform',
    'DER',
    '-in',
    'content.p7',
    '-recip',
    'device.crt',
    '-inkey',
    'device.key',
    '-binary',
  )
  const payloads = readPlist(plain)
  t.ok(Array.isArray(payloads))
  t.match(payloads, [{ PayloadType: 'com.apple.mail.managed', IncomingPassword: 'correct horse' }])
  const altered = Buffer.from(signProfile(plist, signer, Date.now()))
  const at = altered.indexOf('Configuration')
  altered[at] = 0x63
  tool.file('altered.p7', altered)
  t.throws(() => tool.run('cms', '-verify', '-inform', 'DER', '-in', 'altered.p7', '-CAfile', 'signer.crt'))
})

t.test('editors get a schema with every kind of payload', async (t) => {
  const { properties } = profileJsonSchema()
  const kinds = Object.keys(properties?.payloads?.items?.properties ?? {})
  t.ok(kinds.includes('exchange') && kinds.includes('raw') && kinds.includes('restrictions'))
  t.match(properties?.payloads?.items?.properties?.passcode?.properties?.minLength, {
    type: 'integer',
    maximum: 16,
  })
})
