import type { VendorNotification, WebhookNews } from '../connector.ts'
import { notificationIn } from '../parts/notification.ts'
import { object, text, texts } from '../parts/record.ts'

const mostIds = 1000

/**
 * `{ "webhook": { "webhookEvent": "MobileDevice…" }, "event": { "jssID": 12 } }`, and changes of a smart group with the ids
 * that came and went. Only JSON is read: the webhook's content type has to be set to it.
 */
export function readJamfWebhook({ body }: VendorNotification): WebhookNews | undefined {
  const notification = notificationIn(body)
  const kind = notification && text(object(notification, 'webhook') ?? {}, 'webhookEvent')
  if (notification === undefined || kind === undefined) return undefined
  const event = object(notification, 'event') ?? {}
  if (kind.startsWith('MobileDevice')) return news([text(event, 'jssID', 'deviceId')])
  if (kind !== 'SmartGroupMobileDeviceMembershipChange') return undefined
  return news([
    ...texts(event, 'groupAddedDevicesIds', 'groupAddedDeviceIds'),
    ...texts(event, 'groupRemovedDevicesIds', 'groupRemovedDeviceIds'),
  ])
}

function news(ids: readonly (string | undefined)[]): WebhookNews {
  const known = ids.filter((id): id is string => id !== undefined && /^\d{1,12}$/.test(id))
  return { vendorDeviceIds: [...new Set(known)].slice(0, mostIds) }
}
