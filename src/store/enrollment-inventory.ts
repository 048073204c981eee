import { z } from 'zod'
import type { JsonObject } from '../domain/enrollment.ts'

/** An inventory is kept as the service wrote it; what is in it was read strictly before. */
export const inventoryBody: z.ZodType<JsonObject> = z.record(z.string(), z.json())
