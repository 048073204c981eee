import { formatProblem } from '../../lib/yaml-document.ts'
import { WrongSettings } from '../errors.ts'
import { readPolicy } from '../policy-file.ts'
import { type DoctorContext, type Finding, fail, ok } from './finding.ts'

export async function checkPolicy({ settings, now }: DoctorContext): Promise<Finding[]> {
  try {
    await readPolicy(settings, now)
    return [ok('policy', `${settings.policy} is in order`)]
  } catch (error) {
    if (!(error instanceof WrongSettings)) throw error
    return error.problems.map((problem) => fail('policy', formatProblem(problem), 'see gatehouse check'))
  }
}
