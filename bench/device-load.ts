import { applyLoad, type LoadResult } from './load.ts'
import { deviceSecret } from './seed.ts'

/** Registered devices that take turns: each connection sends some requests of one device, then some of the next. */
export interface DeviceLoad {
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** Registrations of the record, and how many of them take part: spread evenly over all. */
  readonly registrations: number
  readonly active: number
  /** Requests that a device sends in a row. */
  readonly burst: number
}

export async function applyDeviceLoad(load: DeviceLoad): Promise<LoadResult> {
  const { burst, active, registrations } = load
  let sent = 0
  let device = 0
  return applyLoad({
    ...load,
    request: () => {
      if (sent++ % burst === 0) device = Math.floor(Math.random() * active)
      return requestOf(nthOf(device, active, registrations))
    },
  })
}

/** Each of the active devices once. */
export async function visitAll(load: Omit<DeviceLoad, 'seconds' | 'burst'>): Promise<void> {
  const { active, registrations } = load
  let device = 0
  await applyLoad({
    ...load,
    seconds: Number.POSITIVE_INFINITY,
    request: () => requestOf(nthOf(device++, active, registrations)),
    until: () => device >= active,
  })
}

function nthOf(n: number, active: number, registrations: number): number {
  return Math.floor((n % active) * (registrations / active))
}

function requestOf(device: number): string {
  return `GET /api/messages?since=42 HTTP/1.1\r\nHost: bench.localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\nAccept: application/json\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\nReferer: http://bench.localhost/\r\nSec-Fetch-Mode: cors\r\nCookie: gatehouse-device=${deviceSecret(device)}; session=1234567890\r\n\r\n`
}
