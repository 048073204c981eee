import { type Platform, platforms } from '../domain/client-identity.ts'

/**
 * The names that MDM vendors and traffic give to platforms and versions, in one form (connectors and matching use the
 * same). What is not in the tables is undefined: a platform that nobody knows must not fit by chance.
 */

/** In lower case, without spaces and punctuation. */
const namesOf: Readonly<Record<Platform, string>> = {
  ios: 'ios iphone iphoneos ipod ipodtouch apple appleios',
  ipados: 'ipad ipados',
  android:
    'android androidforwork androidenterprise androidworkprofile androidenterprisedevice ' +
    'androidaosp aosp samsungdevice samsungknox',
  macos: 'mac macos macosx macmdm macintosh osx appleosx darwin',
  windows:
    'win windows windowspc windowsdesktop windowsphone windowsmobile windows8 windows10 ' +
    'windows11 windowsrt winrt wp8 microsoftwindows',
  chromeos: 'chrome chromeos chromebook cros',
  linux: 'linux ubuntu debian rhel fedora',
  other: 'tvos appletv watchos applewatch visionos blackberry bb10 other others',
}

const names: ReadonlyMap<string, Platform> = new Map(
  platforms.flatMap((platform) => namesOf[platform].split(' ').map((name) => [name, platform] as const)),
)

/** Names that stand in front of a version or an edition: `iOS 17.5`, `Windows 10 Pro`, `Android 14.0`. */
const beginnings: readonly (readonly [RegExp, Platform])[] = [
  [/^ipad/, 'ipados'],
  [/^(?:apple)?(?:iphone|ipod|ios)/, 'ios'],
  [/^(?:apple)?(?:mac|osx|darwin)/, 'macos'],
  [/^android/, 'android'],
  [/^(?:microsoft)?win/, 'windows'],
  [/^(?:chromeos|chromebook|cros)/, 'chromeos'],
]

const longest = 256

/**
 * @param text as the vendor names the platform
 * @param model marketing name or hardware code: it tells an iPad from an iPhone, and a Mac, where the vendor says only `iOS` or `Apple`
 */
export function platformOf(text: string | undefined, model?: string): Platform | undefined {
  const name = plain(text)
  const platform = name === undefined ? undefined : (names.get(name) ?? beginning(name))
  if (platform !== undefined && platform !== 'ios') return platform
  const device = appleDevice(plain(model))
  // A model speaks for itself only where the vendor says nothing: what it calls by a name unknown here stays unknown.
  return name === undefined || name === '' || platform === 'ios' ? (device ?? platform) : undefined
}

function plain(text: string | undefined): string | undefined {
  return typeof text === 'string' && text.length <= longest
    ? text.toLowerCase().replace(/[^a-z0-9]/g, '')
    : undefined
}

function beginning(name: string): Platform | undefined {
  return beginnings.find(([pattern]) => pattern.test(name))?.[1]
}

function appleDevice(model: string | undefined): Platform | undefined {
  if (model === undefined) return undefined
  if (/^(?:apple)?ipad/.test(model)) return 'ipados'
  if (/^(?:apple)?(?:iphone|ipod)/.test(model)) return 'ios'
  if (/^(?:apple)?(?:macbook|imac|macmini|macpro|macstudio)/.test(model)) return 'macos'
  return /^appletv|^(?:apple)?watch/.test(model) ? 'other' : undefined
}

/**
 * The version in a text: `17.5.1`, `iOS 17.5.1 21F90`, `17_5_1`, `Android 14.0`, `10.0.22631.4460`, as dotted numbers. The
 * precision is the source's own: `17.0` does not become `17`, which would fit every 17.x. A zero in third place says
 * nothing (`17.5.0` is `17.5`), and Android has counted whole numbers since 10.
 * @param text a JSON number has to be made a text by its reader, who knows that 17.10 has lost its zero
 */
export function versionOf(text: string | undefined, platform?: Platform): string | undefined {
  if (typeof text !== 'string') return undefined
  const found = /(?<![\d.])\d{1,6}(?:[._]\d{1,6}){0,3}(?![\d])/.exec(text.slice(0, longest))?.[0]
  if (found === undefined) return undefined
  const numbers = found.split(/[._]/).map(Number)
  const android = platform === 'android' || (platform === undefined && /android/i.test(text))
  if (android && (numbers[0] ?? 0) >= 10) return String(numbers[0])
  if (numbers.length === 3 && numbers[2] === 0) numbers.pop()
  return numbers.join('.')
}
