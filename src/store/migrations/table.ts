import type { Migration } from 'kysely/migration'
import * as record from './0001-record.ts'
import * as leases from './0002-leases.ts'
import * as app from './0003-app.ts'
import * as mdmTokens from './0004-mdm-tokens.ts'
import * as compliance from './0005-compliance.ts'
import * as enrollmentSignIn from './0009-enrollment-sign-in.ts'

/**
 * Every step from an empty database to the present schema, in the order of their names. A step that has been
import * as appRevocations from './0010-app-revocations.ts'
 * released is never edited: what is to change is a new step.
 */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-record': record,
  '0002-leases': leases,
  '0003-app': app,
  '0004-mdm-tokens': mdmTokens,
  '0005-compliance': compliance,
  '0009-enrollment-sign-in': enrollmentSignIn,
}
  '0010-app-revocations': appRevocations,
