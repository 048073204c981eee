import type { AppConfiguration } from '../entries.ts'

/** Android values as Google's EMM interface and Intune write them. */
export function renderManagedProperties({ appId, entries }: AppConfiguration): string {
  const document = {
    kind: 'androidenterprise#managedConfiguration',
    productId: `app:${appId}`,
    managedProperty: entries.map(({ key, value }) => ({ key, valueString: value })),
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}
