import type { Limits } from '../../src/domain/limits.ts'
import { limitsSection } from '../../src/settings/sections/limits.ts'

/** The limits that hold when the settings say nothing of them. */
export const defaultLimits: Limits = limitsSection.parse({})
