import type { Migration } from 'kysely/migration'
import * as record from './0001-record.ts'
import * as leases from './0002-leases.ts'
import * as app from './0003-app.ts'
import * as mdmTokens from './0004-mdm-tokens.ts'
import * as compliance from './0005-compliance.ts'
import * as certificates from './0006-certificates.ts'
import * as mdm from './0007-mdm.ts'
import * as push from './0008-push.ts'
import * as enrollmentSignIn from './0009-enrollment-sign-in.ts'
import * as appRevocations from './0010-app-revocations.ts'
import * as changeMarks from './0011-change-marks.ts'
import * as deviceRequests from './0012-device-requests.ts'
import * as profiles from './0013-profiles.ts'
import * as growth from './0014-growth.ts'
import * as renewal from './0015-renewal.ts'
import * as certificateSearch from './0016-certificate-search.ts'
import * as checkin from './0017-checkin.ts'
import * as proxiedProfiles from './0018-proxied-profiles.ts'

/**
 * Every step from an empty database to the present schema, in the order of their names. A step that has been
 * released is never edited: what is to change is a new step.
 */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-record': record,
  '0002-leases': leases,
  '0003-app': app,
  '0004-mdm-tokens': mdmTokens,
  '0005-compliance': compliance,
  '0006-certificates': certificates,
  '0007-mdm': mdm,
  '0008-push': push,
  '0009-enrollment-sign-in': enrollmentSignIn,
  '0010-app-revocations': appRevocations,
  '0011-change-marks': changeMarks,
  '0012-device-requests': deviceRequests,
  '0013-profiles': profiles,
  '0014-growth': growth,
  '0015-renewal': renewal,
  '0016-certificate-search': certificateSearch,
  '0017-checkin': checkin,
  '0018-proxied-profiles': proxiedProfiles,
}
