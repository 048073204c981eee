import { z } from 'zod'
import { apnsSection } from './sections/apns.ts'
import { appSection } from './sections/app.ts'
import { appConfigSection } from './sections/app-config.ts'
import { complianceSection } from './sections/compliance.ts'
import { enrollmentSection } from './sections/enrollment.ts'
import { gatewaySection } from './sections/gateway.ts'
import { limitsSection } from './sections/limits.ts'
import { logSection } from './sections/log.ts'
import { managementSection } from './sections/management.ts'
import { mdmTokensSection } from './sections/mdm-tokens.ts'
import { redisSection } from './sections/redis.ts'
import { retentionSection } from './sections/retention.ts'
import { servicesSection } from './sections/services.ts'
import { storeSection } from './sections/store.ts'
import { path } from './sections/values.ts'

/** The whole of `gatehouse.yaml`, in the order in which the reference and `check --effective` show it. */
export const settingsSchema = z.strictObject({
  gateway: gatewaySection,
  services: servicesSection,
  store: storeSection,
  redis: redisSection,
  management: managementSection,
  app: appSection,
  mdmTokens: mdmTokensSection,
  appConfig: appConfigSection,
  compliance: complianceSection,
  enrollment: enrollmentSection,
  apns: apnsSection,
  limits: limitsSection,
  retention: retentionSection,
  log: logSection,
  policy: path().prefault('policy.yaml').meta({
    description: 'The policy: who may register and connect. Read again when it changes.',
  }),
})

/** The file as it is written, checked, with every default filled in. */
export type SettingsDocument = z.output<typeof settingsSchema>
