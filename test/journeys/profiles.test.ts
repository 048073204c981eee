import t from 'tap'
import { readPlistDict } from '../../src/lib/plist/read.ts'
import type { PlistDict } from '../../src/lib/plist/values.ts'
import { eventually } from '../helpers/eventually.ts'
import { openssl } from '../helpers/openssl.ts'
import {
  arrived,
  askProfiles,
  clip,
  directory,
  enrolled,
  given,
  installation,
  managed,
  payload,
  prefix,
  staff,
} from '../helpers/profiles.ts'

t.test(
  'a device of the group is set up: signed for all to see, encrypted where there are secrets',
  async (t) => {
    const gatehouse = await installation(t, { 'staff.yaml': staff, 'directory.yaml': directory })
    const phone = await enrolled(gatehouse)
    const [got, ldap] = [await arrived(phone, 'staff'), await arrived(phone, 'directory')]
    t.match(payload(got, 'com.apple.eas.account'), { UserName: 'alice', EmailAddress: 'alice@example.com' })
    t.match(payload(got, 'com.apple.applicationaccess'), { allowCamera: false })
    const own = payload(got, 'com.apple.security.scep')
    t.match(payload(got, 'com.apple.wifi.managed'), {
      SSID_STR: 'Example Staff',
      PayloadCertificateUUID: own?.PayloadUUID,
      EAPClientConfiguration: {
        PayloadCertificateAnchorUUID: [payload(got, 'com.apple.security.root')?.PayloadUUID],
      },
    })
    const identity = phone.identities.get(`${prefix}staff.device`)
    t.ok(identity, 'the certificate for the Wi-Fi has come')
    t.not(identity?.certificate, phone.identity?.certificate, 'and is none that manages the device')

    const tool = openssl(t)
    for (const { command } of given(phone, 'InstallProfile')) {
      tool.file('profile.der', Buffer.from(command.Payload as Uint8Array))
      const signer = tool.run(
        'cms',
        '-verify',
        '-inform',
        'DER',
        '-in',
        'profile.der',
        '-noverify',
        '-out',
        'profile',
      )
      t.ok(signer)
      const plain = readPlistDict(
        tool.run('cms', '-verify', '-inform', 'DER', '-in', 'profile.der', '-noverify'),
      )
      t.equal(
        plain.IsEncrypted === true,
        plain.PayloadIdentifier === `${prefix}directory`,
        String(plain.PayloadIdentifier),
      )
      t.notMatch(Buffer.from(command.Payload as Uint8Array).toString('latin1'), 'read the directory')
      if (plain.IsEncrypted !== true) continue
      tool.file('sealed.der', Buffer.from(plain.EncryptedPayloadContent as Uint8Array))
      tool.file('phone.pem', phone.identity!.certificate + phone.identity!.key)
      const opened = tool.run('cms', '-decrypt', '-inform', 'DER', '-in', 'sealed.der', '-recip', 'phone.pem')
      t.match(opened.toString(), '<string>read the directory</string>')
    }
    t.throws(() => phone.removeProfile(String(ldap.PayloadIdentifier), 'a guess'), /password is wrong/)
    phone.removeProfile(String(ldap.PayloadIdentifier), 'let me out')
  },
)

t.test(
  'a changed file updates in place, a wrong one changes nothing and is told, a file that goes is removed',
  async (t) => {
    const gatehouse = await installation(t, {
      'help.yaml': clip('Service desk'),
      'other.yaml': clip('X').replace('help', 'other'),
    })
    const { write, gateway } = gatehouse
    const phone = await enrolled(gatehouse)
    const [first] = [await arrived(phone, 'help'), await arrived(phone, 'other')]
    write('help.yaml', clip('Help desk'))
    const changed = await eventually(() => {
      const now = phone.profiles.get(`${prefix}help`)
      return now?.PayloadUUID === first.PayloadUUID ? undefined : now
    })
    t.equal(payload(changed, 'com.apple.webClip.managed')?.Label, 'Help desk')
    const uuid = (profile: PlistDict) => payload(profile, 'com.apple.webClip.managed')?.PayloadUUID
    t.equal(uuid(changed), uuid(first), 'the same payload, so that accounts keep what they have')
    t.strictSame(given(phone, 'RemoveProfile'), [], 'and it was never gone')

    write(
      'help.yaml',
      `${clip('Help desk')}  - webclip: { id: second, label: X, labell: Oops, url: "https://x.example" }\n`,
    )
    write('other.yaml', undefined)
    const told = await eventually(() =>
      gateway.log().find(({ msg }) => /profiles have mistakes/.test(String(msg))),
    )
    t.match(told, { problems: [{ file: /help\.yaml$/, line: 6, column: 38 }] })
    t.match(JSON.stringify(told), 'labell')
    await askProfiles(gatehouse, phone)
    await eventually(() => given(phone, 'ProfileList').length > 1)
    t.strictSame(managed(phone), [`${prefix}help`, `${prefix}other`], 'those before stay')

    write('help.yaml', clip('Help desk'))
    await eventually(() => managed(phone).length === 1)
    t.match(given(phone, 'RemoveProfile'), [{ command: { Identifier: `${prefix}other` } }])
  },
)

t.test('who leaves the group loses its profiles over the air', async (t) => {
  const gatehouse = await installation(t, { 'staff.yaml': staff, 'help.yaml': clip('Help') })
  const phone = await enrolled(gatehouse)
  await arrived(phone, 'staff')
  const second = await enrolled(gatehouse, { groups: ['former staff'] })
  await arrived(second, 'help')
  await eventually(() => managed(phone).length === 1)
  t.strictSame([managed(phone), managed(second)], [[`${prefix}help`], [`${prefix}help`]])
})
