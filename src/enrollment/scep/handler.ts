import { networkOf } from '../../lib/ip-address.ts'
import { certificatesOf } from '../ca/certificate-service.ts'
import { certificateOf } from '../ca/issue.ts'
import { degenerate } from '../cms/sign-data.ts'
import { checkEnvelope, decideMessage, WrongChallenge } from './enroll.ts'
import { answer, messageOf, operationOf, plainAnswer } from './http.ts'
import { type Envelope, openContent, readEnvelope } from './message.ts'
import { failureReply, successReply } from './reply.ts'
import {
  type ScepAnswer,
  type ScepDependencies,
  ScepFailure,
  type ScepHandler,
  type ScepRequest,
  ScepUnreadable,
} from './scep.ts'

const minute = 60_000

/**
 * Serves SCEP at one path. What is readable gets an answer in SCEP's own terms with status 200, what is not 400; devices take
 * everything else for a network that fails and come again.
 */
export function createScepHandler(deps: ScepDependencies): ScepHandler {
  return async (request) => {
    const { counters, settings } = deps
    if ((await counters.hit(`scep:${networkOf(request.source)}`, minute)) > settings.requests)
      return tooMany(minute)
    if (request.method !== 'GET' && request.method !== 'POST')
      return plainAnswer(405, 'Only GET and POST are served here.', [['Allow', 'GET, POST']])
    switch (operationOf(request)) {
      case 'GetCACaps':
        return answer('text/plain', capabilities(settings.legacy).join('\n'))
      case 'GetCACert':
        return caCertificates(deps)
      case 'PKIOperation':
        return pkiOperation(request, deps)
      default:
        return plainAnswer(404, 'There is no such operation.')
    }
  }
}

/** Some clients take the best that they know, some the worst that is listed. */
function capabilities(legacy: boolean): readonly string[] {
  const modern = ['AES', 'POSTPKIOperation', 'Renewal', 'SCEPStandard', 'SHA-256', 'SHA-512']
  return legacy ? [...modern, 'SHA-1', 'DES3'] : modern
}

function caCertificates({ service }: ScepDependencies): ScepAnswer {
  const [only, ...above] = certificatesOf(service.issuing)
  return above.length === 0
    ? answer('application/x-x509-ca-cert', only!.raw)
    : answer('application/x-x509-ca-ra-cert', degenerate([only!, ...above]))
}

async function pkiOperation(request: ScepRequest, deps: ScepDependencies): Promise<ScepAnswer> {
  try {
    const envelope = readEnvelope(messageOf(request))
    return await decided(envelope, request, deps)
  } catch (error) {
    if (!(error instanceof ScepUnreadable)) throw error
    deps.onDecided?.({ source: request.source, transaction: '', outcome: 'refused', detail: error.message })
    return plainAnswer(400, 'The message cannot be read.')
  }
}

async function decided(
  envelope: Envelope,
  { source }: ScepRequest,
  deps: ScepDependencies,
): Promise<ScepAnswer> {
  const { service, settings, now, onDecided } = deps
  const { transaction } = envelope
  let from = service.issuing
  try {
    checkEnvelope(envelope, settings)
    const opened = openContent(envelope, service.authorities, settings)
    from = opened.authority
    const { outcome, certificate } = await decideMessage(envelope, opened, deps)
    const { serial, enrollment } = certificate
    onDecided?.({ source, transaction, outcome, serial, enrollment })
    const above = certificatesOf(service.authorities.find(({ id }) => id === certificate.authority) ?? from)
    const certificates = [certificateOf(certificate), ...above]
    const reply = successReply({ to: envelope, from, at: now() }, { certificates, cipher: opened.cipher })
    return answer('application/x-pki-message', reply)
  } catch (error) {
    if (!(error instanceof ScepFailure)) throw error
    onDecided?.({ source, transaction, outcome: 'refused', detail: error.message })
    if (error instanceof WrongChallenge && (await isGuessing(source, deps))) return tooMany(5 * minute)
    return answer('application/x-pki-message', failureReply({ to: envelope, from, at: now() }, error))
  }
}

async function isGuessing(source: string, { counters, settings }: ScepDependencies): Promise<boolean> {
  return (await counters.hit(`scep-challenge:${networkOf(source)}`, 5 * minute)) > settings.attempts
}

function tooMany(milliseconds: number): ScepAnswer {
  return plainAnswer(429, 'Too many requests from this address.', [
    ['Retry-After', String(milliseconds / 1000)],
  ])
}
