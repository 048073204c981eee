import { systemRandom } from '../../lib/random.ts'
import type { EnrollmentSettings } from '../../settings/build-enrollment.ts'
import type { InstallationKeys } from '../../store/ports.ts'
import { devicePaths } from '../enrollment-profile.ts'
import type { BehindAccess } from '../scep/access.ts'
import type { Organisation } from './build-profile.ts'

/** What profiles need to know of the installation. */
export async function organisationOf(
  {
    organisation,
    identifier,
    publicUrl,
    behind,
  }: Pick<EnrollmentSettings, 'organisation' | 'identifier' | 'publicUrl'> & {
    readonly behind?: BehindAccess
  },
  keys: InstallationKeys,
): Promise<Organisation> {
  const key = await keys.getOrCreate('profile-revisions', systemRandom().secret)
  return {
    name: organisation,
    identifier,
    scepUrl: `${publicUrl}${devicePaths.scep}`,
    revisionKey: Buffer.from(key),
    ...(behind && { behind }),
  }
}
