import t from 'tap'
import { platformOf, versionOf } from '../../src/compliance/platform.ts'

t.test('the names of all vendors for a platform are one', async (t) => {
  const cases: readonly [string | undefined, string | undefined, ReturnType<typeof platformOf>][] = [
    ['Apple', 'iPhone 15 Pro', 'ios'],
    ['Apple', 'iPad Air', 'ipados'],
    ['Apple', undefined, 'ios'],
    ['iOS', undefined, 'ios'],
    ['IOS', 'iPad13,4', 'ipados'],
    ['iOS 17.5', undefined, 'ios'],
    ['iPadOS', undefined, 'ipados'],
    ['Android', 'SM-G991B', 'android'],
    ['AndroidForWork', undefined, 'android'],
    ['ANDROID', undefined, 'android'],
    ['AppleOsX', undefined, 'macos'],
    ['OS X', undefined, 'macos'],
    ['OSX', undefined, 'macos'],
    ['Mac', undefined, 'macos'],
    ['darwin', undefined, 'macos'],
    ['WinRT', undefined, 'windows'],
    ['WINDOWS_PHONE', undefined, 'windows'],
    ['Windows 10 Pro', undefined, 'windows'],
    ['Microsoft Windows 11 Enterprise', undefined, 'windows'],
    ['ChromeBook', undefined, 'chromeos'],
    ['chrome', undefined, 'chromeos'],
    ['ubuntu', undefined, 'linux'],
    ['Others', undefined, 'other'],
    [undefined, 'iPhone15,2', 'ios'],
    ['Symbian', 'iPhone15,2', undefined],
    ['constructor', undefined, undefined],
    ['', undefined, undefined],
    [undefined, undefined, undefined],
  ]
  for (const [text, model, platform] of cases) t.equal(platformOf(text, model), platform, `${text} ${model}`)
})

t.test('a version keeps the precision of its source', async (t) => {
  const cases: readonly [string | undefined, string | undefined][] = [
    ['17.5.1', '17.5.1'],
    ['iOS 17.5', '17.5'],
    ['iOS 17', '17'],
    ['CPU iPhone OS 17_5_1', '17.5.1'],
    ['17.5.0', '17.5'],
    ['17.0', '17.0'],
    ['Android 14.0', '14'],
    ['Android 9.1', '9.1'],
    ['10.0.22631.4460', '10.0.22631.4460'],
    ['iOS 17.5.1 21F90', '17.5.1'],
    ['Windows 11 Pro', '11'],
    ['1'.repeat(300), undefined],
    ['Sonoma', undefined],
    ['', undefined],
    [undefined, undefined],
  ]
  for (const [text, version] of cases) t.equal(versionOf(text), version, String(text).slice(0, 40))
  t.equal(versionOf('14.0.0', 'android'), '14')
})
