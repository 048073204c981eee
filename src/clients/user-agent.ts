import type { DeviceDescription, Platform } from '../domain/client-identity.ts'
import type { RequestHead } from '../domain/request-head.ts'

/**
 * What the User-Agent and the client hints say of the device: for display, and for rules that want a rough idea.
 * Browsers have frozen much of it (Android "10; K", every Macintosh, Windows NT 10.0, iPhone OS 18 in Safari 26);
 * a frozen version is no version.
 */
export type UserAgentReader = (head: RequestHead) => DeviceDescription

const longest = 256
const remembered = 512

/** A reader that remembers what it has read: a service sees few different User-Agents and each on every request. */
export function createUserAgentReader(): UserAgentReader {
  const known = new Map<string, DeviceDescription>()
  return (head) => {
    const userAgent = head.fields.get('user-agent')?.slice(0, longest)
    if (userAgent === undefined) return {}
    let description = known.get(userAgent)
    if (description === undefined) {
      description = describeUserAgent(userAgent)
      if (known.size >= remembered) known.clear()
      known.set(userAgent, description)
    }
    return head.fields.has('sec-ch-ua-platform') ? withHints(head, description) : description
  }
}

/** @param userAgent at most 256 characters */
export function describeUserAgent(userAgent: string): DeviceDescription {
  const found = platformReaders.find(([mark]) => mark.test(userAgent))
  if (found === undefined) return { platform: 'other', userAgent }
  return { platform: found[1], userAgent, ...found[2]?.(userAgent) }
}

type Details = Pick<DeviceDescription, 'model' | 'osVersion'>

// Order matters: an iPad's text also says "Mac OS X", Android's also "Linux", ChromeOS's also "X11".
const platformReaders: readonly (readonly [RegExp, Platform, ((text: string) => Details)?])[] = [
  [/\biPad/, 'ipados', readApple],
  [/\biPhone|\biPod|\biOS\b/, 'ios', readApple],
  [/\bAndroid\b/i, 'android', readAndroid],
  [/\bCrOS\b/, 'chromeos'],
  [/\bWindows\b/, 'windows'],
  [/\bMacintosh\b|\bmacOS\b|\bMac OS X\b/, 'macos'],
  [/\bLinux\b|\bX11\b/, 'linux'],
]

function readApple(text: string): Details {
  const model = /\bApple-(iPhone|iPad)(\d{1,3})C(\d{1,3})\//.exec(text)
  const version = /\b(?:OS|iOS|iPadOS)[ /](\d{1,3}(?:[._]\d{1,3}){0,2})\b/
    .exec(text)?.[1]
    ?.replaceAll('_', '.')
  const frozen = version?.startsWith('18') && /\bVersion\/(?:2[6-9]|[3-9]\d)\./.test(text)
  return {
    ...(model && { model: `${model[1]}${model[2]},${model[3]}` }),
    ...(version !== undefined && !frozen && { osVersion: version }),
  }
}

function readAndroid(text: string): Details {
  const version = /\bAndroid[ /-](\d{1,3}(?:\.\d{1,3}){0,2})/i.exec(text)?.[1]
  const model = /\bAndroid \d[\d.]{0,10}; ([^;)]{1,64})/.exec(text)?.[1]?.split(' Build/', 1)[0]
  if (version === '10' && model === 'K') return {}
  return { ...(model !== undefined && { model }), ...(version !== undefined && { osVersion: version }) }
}

const hintPlatforms: Readonly<Record<string, Platform>> = {
  Android: 'android',
  'Chrome OS': 'chromeos',
  ChromeOS: 'chromeos',
  iOS: 'ios',
  Linux: 'linux',
  macOS: 'macos',
  Windows: 'windows',
}

function withHints(head: RequestHead, description: DeviceDescription): DeviceDescription {
  const platform = hintPlatforms[hint(head, 'sec-ch-ua-platform') ?? '']
  if (platform === undefined) return description
  const model = hint(head, 'sec-ch-ua-model')
  const osVersion = hintedVersion(platform, hint(head, 'sec-ch-ua-platform-version'))
  return {
    ...(description.userAgent !== undefined && { userAgent: description.userAgent }),
    ...(platform === description.platform && detailsOf(description)),
    platform,
    ...(model !== undefined && { model }),
    ...(osVersion !== undefined && { osVersion }),
  }
}

function detailsOf({ model, osVersion }: DeviceDescription): Details {
  return { ...(model !== undefined && { model }), ...(osVersion !== undefined && { osVersion }) }
}

/** A structured-field string (RFC 8941, section 3.3.3) without escapes, as browsers send hints. */
function hint(head: RequestHead, name: string): string | undefined {
  return /^"([\x20\x21\x23-\x5b\x5d-\x7e]{1,64})"$/.exec(head.fields.get(name) ?? '')?.[1]
}

/** Chromium counts Windows by its API contracts: 13 and more is Windows 11, 1 to 10 is Windows 10. */
function hintedVersion(platform: Platform, version: string | undefined): string | undefined {
  if (version === undefined || !/^\d{1,4}(?:\.\d{1,6}){0,3}$/.test(version)) return undefined
  if (platform !== 'windows') return version.replace(/(?:\.0)+$/, '')
  const contract = Number.parseInt(version, 10)
  if (contract >= 13) return '11'
  return contract >= 1 ? '10' : undefined
}
