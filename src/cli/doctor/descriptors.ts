import { readFileSync } from 'node:fs'
import { type DoctorContext, type Finding, ok, warn } from './finding.ts'

/** What a process opens beside connections: the record, logs, watches. */
const reserve = 256

/** Each connection of a client needs a file descriptor, and mostly one more to the upstream. */
export function checkDescriptors({ settings }: DoctorContext): Finding[] {
  const limit = openFilesLimit()
  if (limit === undefined) return []
  const { connections } = settings.limits
  const needed = 2 * connections + reserve
  const message = `${limit} open files for limits.connections ${connections}`
  if (limit >= needed) return [ok('file descriptors', message)]
  const advice = `allow ${needed}: LimitNOFILE=${needed} in the systemd unit, or ulimit -n ${needed}; or lower limits.connections`
  return [warn('file descriptors', message, advice)]
}

/** Of this process, which Node has raised as far as it may. @returns undefined where the system does not tell */
function openFilesLimit(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    if (found === undefined) return undefined
    return found === 'unlimited' ? Number.POSITIVE_INFINITY : Number(found)
  } catch {
    return undefined
  }
}
