/**
 * The conditions of the policy language: one file each, one line each. Within a rule they are tried in this order, the
 * cheap ones first.
 */
import type { Condition } from '../condition.ts'
import { binding } from './binding.ts'
import { client } from './client.ts'
import { evidence } from './evidence.ts'
import { group } from './group.ts'
import { match } from './match.ts'
import { method } from './method.ts'
import { model } from './model.ts'
import { network } from './network.ts'
import { osVersion } from './os-version.ts'
import { path } from './path.ts'
import { platform } from './platform.ts'
import { posture } from './posture.ts'
import { registeredBy } from './registered-by.ts'
import { registeredWithin } from './registered-within.ts'
import { service } from './service.ts'
import { signIn } from './sign-in.ts'
import { user } from './user.ts'
import { vendor } from './vendor.ts'
import { vendorSeenWithin } from './vendor-seen-within.ts'

export const conditions: readonly Condition[] = [
  service,
  client,
  method,
  signIn,
  posture,
  match,
  binding,
  vendor,
  platform,
  network,
  evidence,
  registeredBy,
  registeredWithin,
  vendorSeenWithin,
  user,
  group,
  model,
  path,
  osVersion,
]
