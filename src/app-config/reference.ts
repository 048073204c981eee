import { appConfiguration } from './entries.ts'
import { formats } from './formats/table.ts'
import { appPlatforms, type FormatName, type MdmVendor, type Variable } from './vendor.ts'
import { vendors } from './vendors/table.ts'

/** `docs/reference/app-config.md`: keys, vendors, their variables and formats. */
export function appConfigReference(): string {
  return `${[intro, keysTable(), formatsTable(), ...vendors.map(vendorSection)].join('\n\n')}\n`
}

const intro = `# App configurations

\`gatehouse app-config --vendor NAME --platform ios|android\` writes what an MDM hands to the company app. How to roll it out:
[mdm-tokens.md](../mdm-tokens.md). Variables marked *to check* were not found in the vendor’s own documents: try them on one
device first, and put in another one with \`--set KEY=VALUE\` or the settings (\`appConfig.values\`).`

function keysTable(): string {
  const { entries } = appConfiguration({
    vendor: vendors[0]!, // the table is not empty
    platform: 'ios',
    ...{ appId: 'x', company: 'x', defaultHost: 'x', minimumVersion: '1', packageKeyId: 'x' },
    pingId: true,
    overrides: {},
  })
  const rows = entries.map(
    ({ key, kind, description }) => `| \`${key}\` | ${kind} | ${description.replaceAll('|', '\\|')} |`,
  )
  return ['## Keys', '', '| key | kind | what it is |', '| --- | --- | --- |', ...rows].join('\n')
}

function formatsTable(): string {
  const rows = Object.entries(formats).map(
    ([name, { title, platforms }]) => `| \`${name}\` | ${platforms.join(', ')} | ${title} |`,
  )
  return ['## Formats', '', '| format | platform | what it is |', '| --- | --- | --- |', ...rows].join('\n')
}

function vendorSection(vendor: MdmVendor): string {
  const rows = appPlatforms.flatMap((platform) => {
    const { device, user, email } = vendor.variables[platform]
    const ids = device.map(([type, variable]) => `${type} ${cell(variable)}`).join('<br>')
    return [`| ${platform} | ${ids} | ${cell(user)} | ${email === undefined ? '' : cell(email)} |`]
  })
  return [
    `## ${vendor.title}`,
    '',
    `\`--vendor ${vendor.name}\``,
    '',
    '| platform | device | user | e-mail |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    ...appPlatforms.map((platform) => `- ${platform}: ${vendor.where[platform]}.`),
    ...(vendor.notes ?? []).map((note) => `- ${note}`),
  ].join('\n')
}

function cell({ text, verified }: Variable): string {
  return `\`${text}\`${verified ? '' : ' *to check*'}`
}

/** For help and errors. */
export function formatNamesFor(platform: (typeof appPlatforms)[number]): FormatName[] {
  // The table's own keys.
  return (Object.keys(formats) as FormatName[]).filter((name) => formats[name].platforms.includes(platform))
}
