import { setTimeout as delay } from 'node:timers/promises'
import type { AuditEvent } from '../domain/audit.ts'
import type { TlsMaterial } from '../gateway/listener/tls-material.ts'
import type { PolicyReload } from '../gateway/policy-in-force.ts'
import { formatProblem } from '../lib/yaml-document.ts'
import type { Health } from '../telemetry/health.ts'
import type { GatewayParts } from './gateway-parts.ts'

/** Milliseconds between two looks at the record's health when no request needs it. */
const probeEvery = 5_000

/** One look after the other: a look at a record that is locked takes its time. */
export function startProbe(parts: GatewayParts): { close(): void } {
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const next = () => {
    if (!closed) timer = setTimeout(() => void probeRecord(parts).finally(next), probeEvery).unref()
  }
  // At once: until then the gauges say that there is no record.
  void probeRecord(parts).finally(next)
  return {
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

async function probeRecord({ store, health, metrics }: GatewayParts): Promise<void> {
  const silent = await lastingProblemOf(() => store.ping())
  metrics.recordAvailable.set(silent === undefined ? 1 : 0)
  reportReads(health, silent)
  if (silent !== undefined) return
  const unwritable = await problemOf(store.pingWrites())
  metrics.recordWritable.set(unwritable === undefined ? 1 : 0)
  reportWrites(health, unwritable)
}

/** A gateway that is not ready gets no traffic: one look that took too long is no reason yet. */
async function lastingProblemOf(check: () => Promise<void>): Promise<string | undefined> {
  if ((await problemOf(check())) === undefined) return undefined
  await delay(lookAgainAfter, undefined, { ref: false })
  return problemOf(check())
}

const lookAgainAfter = 1_000

async function problemOf(check: Promise<void>): Promise<string | undefined> {
  try {
    await check
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown'
  }
}

export function reportReads(health: Health, problem: string | undefined): void {
  health.set('record', problem === undefined ? { ok: true } : { ok: false, detail: problem }, true, 'reads')
}

/** Not essential: known devices connect all the same, and would be turned away by a process that gets no traffic. */
export function reportWrites(health: Health, problem: string | undefined): void {
  const detail = `takes no writes, so that nobody can register: ${problem}`
  health.set('record', problem === undefined ? { ok: true } : { ok: false, detail }, false, 'writes')
}

export function reportReload({ outcome, digest, problems }: PolicyReload, parts: GatewayParts): void {
  const { logger, metrics, health, now } = parts
  metrics.policyReloads.labels(outcome).inc()
  metrics.policyGood.set(outcome === 'rejected' ? 0 : 1)
  if (outcome === 'loaded') metrics.policyLoadedAt.set(now() / 1000)
  if (outcome === 'rejected') {
    const first = problems?.[0]
    const detail = first === undefined ? 'rejected' : formatProblem(first)
    health.set('policy', { ok: false, detail: `the new policy is not in force: ${detail}` }, false)
    logger.error({ policy: digest, problems }, 'policy rejected; the one before stays in force')
    auditPolicy({ action: 'policy.rejected', subject: digest, details: { problem: detail } }, parts)
  } else {
    health.set('policy', { ok: true }, false)
    if (outcome === 'unchanged') return
    logger.info({ policy: digest }, 'policy in force')
    auditPolicy({ action: 'policy.loaded', subject: digest, details: {} }, parts)
  }
}

/** A policy that nobody could write down decides all the same: the file says it, and the log. */
function auditPolicy(
  event: Pick<AuditEvent, 'action' | 'subject' | 'details'>,
  { store, logger, now, speaks }: GatewayParts,
): void {
  if (!speaks) return
  store.audit
    .append({ at: now(), actor: 'gateway', ...event })
    .catch((error: unknown) => logger.error({ err: error }, 'the policy is not in the audit log'))
}

export function reportCertificates({ certificates }: TlsMaterial, { metrics }: GatewayParts): void {
  for (const { names, notAfter } of certificates) {
    metrics.certificateEnd.labels(names[0] ?? 'unnamed').set(notAfter / 1000)
  }
}
