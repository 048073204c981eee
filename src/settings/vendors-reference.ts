import { z } from 'zod'
import { jsonSchemaOf } from './json-schema.ts'
import { keysTable } from './reference.ts'
import { commonKeys } from './sections/vendors/common.ts'
import { vendorSections } from './sections/vendors/table.ts'

/** `docs/reference/vendors.md`: the keys of each vendor, from the same place as their types and defaults. */
export function vendorsReference(): string {
  const common = keysTable(jsonSchemaOf(z.strictObject(commonKeys)))
  const vendors = Object.entries(vendorSections).map(([type, { title, schema }]) => {
    const own = Object.fromEntries(
      Object.entries(schema.shape as Readonly<Record<string, z.ZodType>>).filter(
        ([key]) => key !== 'type' && !Object.hasOwn(commonKeys, key),
      ),
    )
    return `## \`type: ${type}\`\n\n${title}.\n\n${keysTable(jsonSchemaOf(z.strictObject(own)))}`
  })
  return `${[intro, common, ...vendors].join('\n\n')}\n`
}

const intro = `# Settings of MDM vendors

The entries of \`compliance.vendors\`. How each vendor is connected, with examples: [vendors.md](../vendors.md).

Every connection has these keys, beside those of its vendor:`
