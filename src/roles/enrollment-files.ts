import type { CertificateService } from '../enrollment/ca/certificate-service.ts'
import { stampOfFiles } from '../lib/look-at-files.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/logger.ts'

export interface EnrollmentFiles {
  readonly settings: Pick<EnrollmentSettings, 'ca' | 'tls'>
  readonly service: Pick<CertificateService, 'reload'>
  /** The listener takes its certificate, and the authorities of devices, anew. @throws when files are unusable */
  readonly renewListener: () => void
  readonly health: Health
  readonly logger: Pick<Logger, 'info' | 'error'>
  /** Milliseconds between two looks. */
  readonly every?: number
}

/** Part of what `/readyz` tells; users and devices are served all the same. */
const part = 'certificate authority'

/**
 * Files that may be replaced while it runs: the enterprise CA's and the listener's own. New ones count without a restart,
 * at the latest when `reload` is called; while they are unusable (of two, only one is there yet), those before stay.
 */
export function followEnrollmentFiles(options: EnrollmentFiles): {
  reload(): Promise<void>
  close(): Promise<void>
} {
  const { settings, service, renewListener, health, logger, every = 10_000 } = options
  let seen: string | undefined
  let failed = false
  let running: Promise<void> = Promise.resolve()
  const reload = () => {
    running = running.then(take)
    return running
  }
  const timer = setInterval(() => void look(), every).unref()
  void look()
  return {
    reload,
    async close() {
      clearInterval(timer)
      await running
    },
  }

  async function look(): Promise<void> {
    const before = seen
    seen = await stampOfFiles(filesOf(settings))
    if (before !== undefined && (before !== seen || failed)) await reload()
  }

  async function take(): Promise<void> {
    const problems = [await problemOf(takeAuthority), await problemOf(renewListener)]
    const detail = problems.filter((one) => one !== undefined).join('; ')
    failed = detail !== ''
    const stays = `${detail}; what was read before stays`
    health.set(part, failed ? { ok: false, detail: stays } : { ok: true }, false)
  }

  async function takeAuthority(): Promise<void> {
    if (await service.reload()) logger.info('another certificate authority issues from now on')
  }

  async function problemOf(work: () => Promise<void> | void): Promise<string | undefined> {
    try {
      await work()
      return undefined
    } catch (error) {
      logger.error({ err: error }, 'certificates of enrollment cannot be read anew')
      return error instanceof Error ? error.message : String(error)
    }
  }
}

function filesOf({ ca, tls }: EnrollmentFiles['settings']): readonly string[] {
  const identities = [ca.external, tls?.certificate].filter((one) => one !== undefined)
  return identities.flatMap(({ cert, key }) => [cert, key])
}
