import type { Enrollment } from '../../domain/enrollment.ts'
import { sha256 } from '../../lib/hash.ts'
import { textField } from '../../lib/plist/fields.ts'
import type { PlistDict } from '../../lib/plist/values.ts'
import { empty, json, refusal } from './answers.ts'
import type { MdmAnswer } from './mdm.ts'

/** Nothing is declared: everything is done by commands. A device that asks gets an empty set, which never changes. */
const none = { Activations: [], Configurations: [], Assets: [], Management: [] }
const token = sha256(JSON.stringify(none))

export function declarativeManagement(dict: PlistDict, enrollment: Enrollment): MdmAnswer {
  const note = { outcome: 'declarative-management', enrollment: enrollment.id }
  switch (textField(dict, 'Endpoint')) {
    case 'tokens': {
      const Timestamp = `${new Date(enrollment.authenticatedAt).toISOString().slice(0, 19)}Z`
      return json({ SyncTokens: { Timestamp, DeclarationsToken: token } }, note)
    }
    case 'declaration-items':
      return json({ Declarations: none, DeclarationsToken: token }, note)
    case 'status':
      return empty(note)
    default:
      return refusal(404, 'declaration.unknown', { enrollment: enrollment.id, level: 'info' })
  }
}
