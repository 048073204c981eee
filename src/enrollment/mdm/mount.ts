import type { Answer } from '../../domain/answer.ts'
import { devicePaths } from '../enrollment-profile.ts'
import type { Visit } from '../web/visit.ts'
import { refusal } from './answers.ts'
import type { HandleMdm } from './handle.ts'
import type { MdmAnswer, MdmNote } from './mdm.ts'

/** The two addresses of the protocol on the enrollment listener. @param onAnswered for the log */
export function mdmMount(
  handle: HandleMdm,
  onAnswered: (visit: Visit, note: MdmNote, status: number) => void,
): (visit: Visit) => Promise<Answer> | undefined {
  return (visit) => {
    if (visit.path !== devicePaths.checkIn && visit.path !== devicePaths.command) return undefined
    return answer(visit, handle).then((given) => {
      onAnswered(visit, given.note, given.status)
      const { status, contentType, body, headers = [] } = given
      return {
        status,
        headers: [...headers, ...(contentType === undefined ? [] : [['Content-Type', contentType] as const])],
        body,
      }
    })
  }
}

async function answer(visit: Visit, handle: HandleMdm): Promise<MdmAnswer> {
  if (visit.method !== 'PUT' && visit.method !== 'POST') return refusal(400, 'method.unknown')
  return handle({
    body: visit.body,
    contentType: visit.header('content-type'),
    signature: visit.header('mdm-signature'),
    clientCertificate: visit.certificate,
    at: visit.at,
  })
}
