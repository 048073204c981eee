import type { CommandError } from '../../domain/mdm-command.ts'
import { arrayField, integerField, isPlistArray, stringField, textField } from '../../lib/plist/fields.ts'
import { isPlistDict, type PlistDict, type PlistValue } from '../../lib/plist/values.ts'

const mostErrors = 20
const longestText = 1000

/** The report's ErrorChain, outermost first. What does not fit is passed over: it must not keep the queue. */
export function errorsOf(report: PlistDict): readonly CommandError[] {
  return (arrayField(report, 'ErrorChain') ?? [])
    .filter(isPlistDict)
    .slice(0, mostErrors)
    .map((error) => {
      const description = textField(error, 'USEnglishDescription') ?? textField(error, 'LocalizedDescription')
      return {
        domain: (stringField(error, 'ErrorDomain') ?? 'unknown').slice(0, longestText),
        code: integerField(error, 'ErrorCode') ?? 0,
        ...(description !== undefined && { description: description.slice(0, longestText) }),
      }
    })
}

/** Items of Settings that failed although the command as a whole did not. A list, or a dictionary of one, by Apple's documents. */
export function failedItems(report: PlistDict): readonly CommandError[] {
  const results: PlistValue | undefined = report.Settings
  const items = isPlistArray(results) ? results : results === undefined ? [] : [results]
  return items
    .filter(isPlistDict)
    .filter((item) => stringField(item, 'Status') === 'Error')
    .flatMap((item) => {
      const errors = errorsOf(item)
      return errors.length > 0 ? errors : [{ domain: 'Settings', code: 0, description: 'an item failed' }]
    })
    .slice(0, mostErrors)
}

/** Not there is what was wanted: RemoveProfile of a profile that the device does not have. */
export function isGoneAlready(requestType: string, errors: readonly CommandError[]): boolean {
  return (
    requestType === 'RemoveProfile' &&
    errors.some(
      ({ domain, code }) =>
        (domain === 'MCMDMErrorDomain' && code === 12075) || (domain === 'MDMClientError' && code === 89),
    )
  )
}
