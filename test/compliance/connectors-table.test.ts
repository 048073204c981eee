import { existsSync, globSync } from 'node:fs'
import { basename } from 'node:path'
import t from 'tap'
import { z } from 'zod'
import { connectors, vendorTitle } from '../../src/compliance/connectors/table.ts'
import { vendorSchema, vendorSections } from '../../src/settings/sections/vendors/table.ts'

const root = new URL('../..', import.meta.url).pathname
const types = Object.keys(vendorSections) as (keyof typeof vendorSections)[]

/** What else is in the two folders. */
const others = {
  'src/compliance/connectors': ['connector', 'http', 'table', 'vendor-http'],
  'src/settings/sections/vendors': ['common', 'table'],
}

for (const [folder, shared] of Object.entries(others)) {
  t.test(`${folder} has one file for each vendor of the table, and nothing else`, async (t) => {
    const files = globSync(`${folder}/*.ts`, { cwd: root }).map((file) => basename(file, '.ts'))
    t.strictSame(files.sort(), [...types, ...shared].sort())
  })
}

t.test('each vendor has a connector, settings and a run of the contract', async (t) => {
  t.strictSame(Object.keys(connectors).sort(), [...types].sort())
  t.strictSame(
    vendorSchema.options.map(({ shape }) => shape.type.value).sort(),
    [...types].sort(),
    'the settings can be written',
  )
  for (const type of types) {
    t.ok(vendorTitle(type).length > 3)
    t.ok(existsSync(`${root}/test/compliance/connectors/${type}.test.ts`), `${type}.test.ts`)
  }
})

t.test('every setting of a vendor says what it is', async (t) => {
  for (const type of types) {
    const { shape } = vendorSections[type].schema
    for (const [name, key] of Object.entries(shape) as [string, z.ZodType][]) {
      if (name === 'type') continue
      const description = z.globalRegistry.get(key)?.description ?? ''
      t.ok(description.length > 10, `${type}: ${name}`)
    }
  }
})
