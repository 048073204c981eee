import { isObject } from '../../../lib/json.ts'
import type { WebhookNews } from '../connector.ts'
import { text } from '../parts/record.ts'

/**
 * An event notification of Workspace ONE, in JSON or XML. Neither its event's name (of which each release has its own
 * spelling) nor its states are believed: it names a device, which is then looked up. Old servers write
 * `System.Byte[]` as the UDID, so that only the number counts.
 * @returns undefined when it is none
 */
export function readEventNotification(body: Uint8Array): WebhookNews | undefined {
  const written = new TextDecoder().decode(body).trim()
  const id = written.startsWith('<') ? idInXml(written) : idInJson(written)
  return id === undefined ? undefined : { vendorDeviceIds: [id] }
}

function idInJson(written: string): string | undefined {
  try {
    const event: unknown = JSON.parse(written)
    const id = isObject(event) ? text(event, 'DeviceId') : undefined
    return id !== undefined && /^\d{1,18}$/.test(id) && id !== '0' ? id : undefined
  } catch {
    return undefined
  }
}

/** One flat element after the other below `<Eventlog>`: no parser is needed, and none that could be led astray. */
function idInXml(written: string): string | undefined {
  if (!/^(?:<\?xml[^>]{0,200}\?>\s*)?<Eventlog[\s>]/i.test(written)) return undefined
  return /<DeviceId>\s{0,10}([1-9]\d{0,17})\s{0,10}<\/DeviceId>/.exec(written)?.[1]
}
