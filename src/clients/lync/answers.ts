import type { Answer } from '../../domain/answer.ts'
import type { ReasonCode } from '../../domain/reason.ts'
import type { RequestHead } from '../../domain/request-head.ts'
import { escapeHtml } from '../answers/html.ts'
import { refusalText } from '../answers/text.ts'
import type { Refusal } from '../protocol.ts'

/** Code and subcode of a reason body; clients ignore subcodes that they do not know. */
interface Terms {
  readonly status: number
  readonly code: string
  readonly subcode?: string
}

const noLongerAllowed: Terms = { status: 403, code: 'Forbidden', subcode: 'MobileApplicationNoLongerAllowed' }
/** The client stops and waits until its user starts it again. */
const gone: Terms = { status: 410, code: 'Gone', subcode: 'UserAgentNotAllowed' }

const termsFor: Partial<Record<ReasonCode, Terms>> = {
  'device.noncompliant': noLongerAllowed,
  'device.unmanaged': noLongerAllowed,
  'device.conflict': noLongerAllowed,
  'device.blocked': gone,
  'device.approval-denied': gone,
  'device.posture-unknown': { status: 503, code: 'ServiceFailure' },
}

/** Seconds. */
const laterWhenChecking = 60
const laterWhenDown = 120

/**
 * A refusal as UCWA knows it: clients take an answer for the service's own only when it is JSON or XML with a reason.
 * Never 401, which runs the sign-in again and ends as "wrong password".
 */
export function refuseLync(request: RequestHead, refusal: Refusal): Answer {
  const terms = termsFor[refusal.reason] ?? termsOfStatus(refusal.status)
  const seconds = refusal.retryAfter ?? (refusal.status >= 500 ? laterWhenDown : laterWhenChecking)
  const [type, body] = wantsXml(request)
    ? (['application/xml', xmlReason(terms, refusal)] as const)
    : (['application/json', jsonReason(terms, refusal)] as const)
  return {
    status: terms.status,
    headers: [
      ['Content-Type', `${type}; charset=utf-8`],
      ['Cache-Control', 'no-store'],
      ...(terms.status === 503 ? [['Retry-After', String(seconds)] as const] : []),
    ],
    body,
  }
}

function termsOfStatus(status: number): Terms {
  if (status >= 500) return { status: 503, code: 'ServiceFailure' }
  if (status === 400 || status === 413 || status === 421) return { status, code: 'BadRequest' }
  return { status: 403, code: 'Forbidden' }
}

function jsonReason({ code, subcode }: Terms, refusal: Refusal): string {
  const href = helpAddress(refusal)
  return JSON.stringify({
    code,
    ...(subcode !== undefined && { subcode }),
    message: refusalText(refusal),
    ...(href !== undefined && { link: { href } }),
  })
}

function xmlReason({ code, subcode }: Terms, refusal: Refusal): string {
  const href = helpAddress(refusal)
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<reason xmlns="http://schemas.microsoft.com/rtc/2012/03/ucwa">',
    `<code>${code}</code>`,
    subcode === undefined ? '' : `<subcode>${subcode}</subcode>`,
    `<message>${escapeHtml(refusalText(refusal))}</message>`,
    href === undefined ? '' : `<link href="${escapeHtml(href)}"/>`,
    '</reason>',
  ].join('')
}

/** The page about this device, or the first address that the policy's own words name. */
function helpAddress({ statusPage, help }: Refusal): string | undefined {
  return statusPage ?? /\bhttps:\/\/[^\s<>"'()]{1,500}/.exec(help ?? '')?.[0]
}

/** Points the client's discovery to another address, in the form that it asked for. */
export function redirectDiscovery(request: RequestHead, origin: string): Answer {
  const query = request.query === undefined ? '' : `?${request.query}`
  const href = `${origin}/Autodiscover/AutodiscoverService.svc/root${query}`
  const [type, body] = wantsXml(request)
    ? (['application/vnd.microsoft.rtc.autodiscover+xml; v=1', xmlDiscovery(href)] as const)
    : (['application/json', JSON.stringify({ _links: { redirect: { href } } })] as const)
  return {
    status: 200,
    headers: [
      ['Content-Type', type],
      ['Cache-Control', 'no-store'],
    ],
    body,
  }
}

function xmlDiscovery(href: string): string {
  return `<?xml version="1.0" encoding="utf-8"?><AutodiscoverResponse AccessLocation="External"><Root><Link token="Redirect" href="${escapeHtml(href)}"/></Root></AutodiscoverResponse>`
}

function wantsXml(request: RequestHead): boolean {
  const accept = request.fields.get('accept')?.toLowerCase() ?? ''
  const xml = accept.indexOf('xml')
  const json = accept.indexOf('json')
  return xml >= 0 && (json < 0 || xml < json)
}
