import type { AppConfiguration } from '../entries.ts'
import type { AppPlatform, FormatName } from '../vendor.ts'
import { renderAndroidXml } from './android-xml.ts'
import { renderManagedProperties } from './managed-properties.ts'
import { renderPlist } from './plist.ts'
import { renderSpecification } from './specification.ts'

interface Format {
  readonly title: string
  /** The platforms that it is for, and for which of them it is what is written unless something else is asked for. */
  readonly platforms: readonly AppPlatform[]
  readonly render: (configuration: AppConfiguration) => string
}

export const formats: Readonly<Record<FormatName, Format>> = {
  plist: { title: 'property list with the values', platforms: ['ios'], render: renderPlist },
  appconfig: { title: 'AppConfig Community specification', platforms: ['ios'], render: renderSpecification },
  json: { title: 'JSON with the values', platforms: ['android'], render: renderManagedProperties },
  xml: {
    title:
      'XML: Workspace ONE’s custom settings with the values; for the others the restrictions that the app declares',
    platforms: ['android'],
    render: renderAndroidXml,
  },
}

/** The first that fits. */
export function defaultFormat(platform: AppPlatform): FormatName {
  return platform === 'ios' ? 'plist' : 'json'
}
