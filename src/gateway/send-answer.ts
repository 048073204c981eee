import type { Answer } from '../domain/answer.ts'
import type { RequestHead } from '../domain/request-head.ts'
import type { ClientSide } from './client-side.ts'

/** Sends an answer of the gateway's own. Nothing of it may be kept by anybody (RFC 9111): it holds for this moment. */
export function sendAnswer(
  client: ClientSide,
  head: Pick<RequestHead, 'id' | 'method'>,
  answer: Answer,
): void {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  const headers = answer.headers.flat()
  if (!answer.headers.some(([name]) => name.toLowerCase() === 'cache-control'))
    headers.push('Cache-Control', 'no-store')
  if (answer.status !== 204) headers.push('Content-Length', String(body.byteLength))
  headers.push('Gatehouse-Request', head.id)
  client.sendHead(answer.status, headers)
  if (body.byteLength > 0 && head.method !== 'HEAD') client.write(body)
  client.end()
}
