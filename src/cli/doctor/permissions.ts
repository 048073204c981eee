import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorCode } from '../../settings/secret.ts'
import type { Settings } from '../../settings/settings.ts'
import { type DoctorContext, type Finding, fail, ok, warn } from './finding.ts'

const othersRead = 0o004
const othersWrite = 0o002
const groupRead = 0o040
const groupWrite = 0o020

/** Who can read a key is the gateway; who can write the settings or the policy decides who gets in. */
export function checkPermissions({ settings }: DoctorContext): Finding[] {
  return [
    ...secretFiles(settings).map(checkSecret),
    ...[settings.file, settings.policy].map(checkEdited),
    ...recordFiles(settings).flatMap((file) => (modeOf(file) === undefined ? [] : [checkSecret(file)])),
  ]
}

function secretFiles({ gateway, store }: Settings): string[] {
  const certificates = gateway.tls?.certificates ?? []
  const keys = certificates.flatMap(({ key, passphrase }) => {
    const file = passphrase?.source.file
    return file === undefined ? [key] : [key, file]
  })
  const password = store.kind === 'postgres' ? store.password?.source.file : undefined
  return password === undefined ? keys : [...keys, password]
}

/** Absent until the first start; the -wal and -shm files only while it is open. */
function recordFiles({ store }: Settings): string[] {
  if (store.kind !== 'sqlite') return []
  return [store.path, `${store.path}-wal`, `${store.path}-shm`]
}

function checkSecret(file: string): Finding {
  const mode = modeOf(file)
  if (mode === undefined) return unreadable(file)
  const advice = `chmod 600 ${file}`
  const { uid } = statSync(file)
  const mine = process.getuid?.()
  if ((mode & (othersRead | othersWrite)) !== 0)
    return fail(file, `everybody on this machine can read or change it (mode ${octal(mode)})`, advice)
  if ((mode & groupWrite) !== 0) return fail(file, `its group can change it (mode ${octal(mode)})`, advice)
  if ((mode & groupRead) !== 0) return warn(file, `its group can read it (mode ${octal(mode)})`, advice)
  if (mine !== undefined && mine !== 0 && uid !== mine)
    return warn(
      file,
      'it belongs to another user than the one running this',
      'run doctor as the gateway’s own user',
    )
  return ok(file, `mode ${octal(mode)}`)
}

function checkEdited(file: string): Finding {
  const mode = modeOf(file)
  if (mode === undefined) return unreadable(file)
  if ((mode & othersWrite) !== 0)
    return fail(file, `everybody on this machine can change it (mode ${octal(mode)})`, `chmod o-w ${file}`)
  const folder = dirname(file)
  const folderMode = modeOf(folder) ?? 0
  // A sticky folder (/tmp) keeps others from replacing files in it.
  if ((folderMode & othersWrite) !== 0 && (folderMode & 0o1000) === 0)
    return fail(
      folder,
      `everybody on this machine can replace files in it (mode ${octal(folderMode)})`,
      `chmod o-w ${folder}`,
    )
  return ok(file, `mode ${octal(mode)}`)
}

function unreadable(file: string): Finding {
  return fail(file, 'it is not there, or its folder cannot be read', 'check the path in the settings')
}

function modeOf(file: string): number | undefined {
  try {
    return statSync(file).mode & 0o7777
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(errorCode(error))) return undefined
    throw error
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
