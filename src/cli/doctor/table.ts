import { checkCertificates } from './certificates.ts'
import { checkClientCas } from './client-cas.ts'
import { checkClock } from './clock.ts'
import { checkDescriptors } from './descriptors.ts'
import type { Check } from './finding.ts'
import { checkHostCoverage } from './host-coverage.ts'
import { checkNode } from './node-version.ts'
import { checkPermissions } from './permissions.ts'
import { checkPolicy } from './policy.ts'
import { checkRedis } from './redis.ts'
import { checkUpstreams } from './upstreams.ts'

/** In the order in which they are told. Permissions come before the clock, which opens the record and so narrows its mode. */
export const checks: readonly Check[] = [
  checkNode,
  checkPolicy,
  checkPermissions,
  checkCertificates,
  checkHostCoverage,
  checkClientCas,
  checkClock,
  checkDescriptors,
  checkRedis,
  checkUpstreams,
]
