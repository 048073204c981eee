import { z } from 'zod'
import { settingsSchema } from './settings-schema.ts'

/** The part of JSON Schema that zod makes of the settings. */
export interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

/** The schema with which editors complete and check `gatehouse.yaml`. */
export function settingsJsonSchema(): JsonSchema {
  return { ...jsonSchemaOf(settingsSchema), title: 'Gatehouse settings' } as JsonSchema
}

/** Of what stands in the file, before it is decoded. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  // The general type allows booleans as schemas, which zod makes of nothing that the settings use.
  return z.toJSONSchema(schema, {
    io: 'input',
    // The draft that the YAML servers of editors know.
    target: 'draft-7',
    override({ zodSchema, jsonSchema }) {
      // zod takes examples for values after decoding; ours are what stands in the file.
      const examples = z.globalRegistry.get(zodSchema)?.examples
      if (Array.isArray(examples)) jsonSchema.examples = examples
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    },
  }) as JsonSchema
}
