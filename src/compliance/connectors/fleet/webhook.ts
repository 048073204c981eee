import { isObject } from '../../../lib/json.ts'
import type { VendorNotification, WebhookNews } from '../connector.ts'
import { notificationIn } from '../parts/notification.ts'
import { member, object, text, texts, type VendorRecord } from '../parts/record.ts'

const mostIds = 1000

/** The automation for failing policies lists hosts, the one for the hosts' status their ids. */
export function readFleetWebhook({ body }: VendorNotification): WebhookNews | undefined {
  const notification = notificationIn(body)
  if (notification === undefined) return undefined
  const hosts = member(notification, 'hosts')
  const ids = Array.isArray(hosts)
    ? hosts.flatMap((host) => (isObject(host) ? (text(host, 'id') ?? []) : []))
    : statusIds(notification)
  if (ids === undefined) return undefined
  const known = ids.filter((id) => /^\d{1,12}$/.test(id))
  return { vendorDeviceIds: [...new Set(known)].slice(0, mostIds) }
}

function statusIds(notification: VendorRecord): readonly string[] | undefined {
  const data = object(notification, 'data')
  return data && Array.isArray(member(data, 'host_ids')) ? texts(data, 'host_ids') : undefined
}
