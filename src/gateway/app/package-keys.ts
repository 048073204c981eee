import { type SignatureKey, sharedKey } from '../../lib/http-signatures/keys.ts'
import { packageKeyBytes } from '../../settings/package-key.ts'
import type { PackageKeySettings } from '../../settings/settings.ts'

/** The key of this id, when it counts at this time. */
export type PackageKeys = (id: string, now: number) => SignatureKey | undefined

/** Ids are no secrets; the keys themselves are only ever compared by their signatures, in constant time. */
export function openPackageKeys(settings: readonly PackageKeySettings[]): PackageKeys {
  const keys = new Map(
    settings.map(
      ({ id, secret, notBefore = Number.NEGATIVE_INFINITY, notAfter = Number.POSITIVE_INFINITY }) => {
        const bytes = packageKeyBytes(secret.reveal())
        if (bytes === undefined) throw new TypeError(`The package key ${id} is weak; the settings refuse it`)
        return [id, { key: sharedKey(bytes), notBefore, notAfter }]
      },
    ),
  )
  return (id, now) => {
    const found = keys.get(id)
    return found !== undefined && now >= found.notBefore && now < found.notAfter ? found.key : undefined
  }
}
