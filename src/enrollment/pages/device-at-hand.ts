/**
 * In which device the page is open, as far as its browser says: only which words and buttons come first depends on it. An iPad
 * calls itself a Mac.
 */
export type DeviceAtHand = 'phone' | 'mac-or-ipad' | 'other'

export function deviceOf(userAgent = ''): DeviceAtHand {
  if (/\b(iPhone|iPad|iPod)\b/.test(userAgent)) return 'phone'
  return /\bMacintosh\b/.test(userAgent) ? 'mac-or-ipad' : 'other'
}
