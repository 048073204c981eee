import type { MdmVendor } from '../vendor.ts'
import { blackberry } from './blackberry.ts'

import { generic } from './generic.ts'
import { intune } from './intune.ts'
import { jamf } from './jamf.ts'
import { maas360 } from './maas360.ts'
import { mobileironCloud } from './mobileiron-cloud.ts'
import { mobileironCore } from './mobileiron-core.ts'
import { workspaceOne } from './workspace-one.ts'
import { xenmobile } from './xenmobile.ts'

export const vendors: readonly MdmVendor[] = [
  workspaceOne,
  mobileironCore,
  mobileironCloud,
  maas360,
  xenmobile,
  intune,
  blackberry,
  jamf,
  generic,
]
