import { KeyFileError } from '../enrollment/ca/key-files.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { Settings } from '../settings/settings.ts'
import { CommandFailed, UsageError } from './errors.ts'

/** @throws CommandFailed where no device is enrolled, or an enterprise CA issues */
export function ownCaSettings({ enrollment }: Settings): EnrollmentSettings {
  if (enrollment === undefined)
    throw new CommandFailed('No device is enrolled here: the settings have no `enrollment`')
  if (enrollment.ca.external !== undefined)
    throw new CommandFailed(
      'An enterprise CA issues (`enrollment.ca.external`): renew it there and replace its files',
    )
  return enrollment
}

const sizes = [2048, 3072, 4096]

/** @throws UsageError */
export function keyBits(bits: number | undefined, command: string): number {
  if (bits === undefined) return 3072
  if (!sizes.includes(bits))
    throw new UsageError(`--bits must be one of ${sizes.join(', ')}, not ${bits}`, command)
  return bits
}

export const bitsOption = {
  type: 'count',
  value: 'BITS',
  description: 'Size of the RSA key: 2048, 3072 (the default) or 4096.',
} as const

/** A key that cannot be written or read is the answer no, with its file; nothing else is hidden. */
export async function tellingKeyFile<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof KeyFileError) throw new CommandFailed(error.message)
    const { code, path } = error as NodeJS.ErrnoException
    if (code !== undefined && path !== undefined)
      throw new CommandFailed(`${path}: cannot be written (${code})`)
    throw error
  }
}
