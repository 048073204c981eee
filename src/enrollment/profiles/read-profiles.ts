import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileTrouble } from '../../lib/error-code.ts'
import { sha256 } from '../../lib/hash.ts'
import type { Problem } from '../../lib/yaml-document.ts'
import { readTextFile } from '../../settings/text-file.ts'
import type { Profile } from './profile.ts'
import { type ReadProfile, readProfile } from './read-profile.ts'

export interface ReadProfiles {
  /** In the order of their files; undefined when there are problems. */
  readonly profiles: readonly Profile[] | undefined
  readonly problems: readonly Problem[]
}

/** Profiles by file, each with the stamp of all that it was made of: what did not change is not read again. */
export type ReadBefore = Map<string, { readonly stamp: string; readonly profile: Profile }>

/**
 * Reads all profiles.
 * @param places files, and folders of which every `.yaml` and `.yml` is read, in the order of their names
 * @param before what was read; brought up to date
 */
export function readProfiles(
  places: readonly string[],
  env: NodeJS.ProcessEnv,
  before: ReadBefore = new Map(),
): ReadProfiles {
  const problems: Problem[] = []
  const profiles: Profile[] = []
  const names = new Map<string, string>()
  for (const place of places) {
    const files = filesOf(place)
    if (typeof files === 'string') {
      problems.push(wholeFile(place, files))
      continue
    }
    for (const file of files) {
      const { profile, problems: found } = readOne(file, env, before)
      problems.push(...found)
      const twin = profile && names.get(profile.name)
      if (twin !== undefined)
        problems.push({ ...wholeFile(file, `there is a profile of this name in ${twin}`), key: 'name' })
      if (profile !== undefined) names.set(profile.name, file)
      if (profile !== undefined) profiles.push(profile)
    }
  }
  return { profiles: problems.length > 0 ? undefined : profiles, problems }
}

function readOne(file: string, env: NodeJS.ProcessEnv, before: ReadBefore): ReadProfile {
  const known = before.get(file)
  if (known !== undefined && known.stamp === stampOfFiles([file, ...known.profile.reads]))
    return { profile: known.profile, problems: [] }
  before.delete(file)
  // Before it is read: what changes meanwhile is read again.
  const stamp = stampOfFiles([file])
  const trouble = notAFile(file)
  if (trouble !== undefined) return { profile: undefined, problems: [wholeFile(file, trouble)] }
  const read = readTextFile(file)
  if (read.text === undefined) return { profile: undefined, problems: [wholeFile(file, read.mistake)] }
  const result = readProfile(read.text, file, env)
  const { profile } = result
  if (profile !== undefined)
    before.set(file, { stamp: [stamp, ...profile.reads.map(stampOfFile)].join('\0'), profile })
  return result
}

/** What no end is known of is not even begun to be read; that it is not there is said by whoever reads it. */
function notAFile(file: string): string | undefined {
  try {
    const stats = statSync(file)
    if (!stats.isFile()) return `${file} is no file`
    return stats.size > mostBytes ? 'the file is larger than 1 MiB' : undefined
  } catch {
    return undefined
  }
}

const mostBytes = 1024 * 1024
/** Milliseconds. */
const mostAtOnce = 10

/**
 * Reads what changed, a few files at a time, so that whatever else this process does goes on meanwhile. What has mistakes is read again
 * by `readProfiles`.
 */
export async function readAhead(
  places: readonly string[],
  env: NodeJS.ProcessEnv,
  before: ReadBefore,
): Promise<void> {
  let began = performance.now()
  for (const file of places.flatMap((place) => filesOf(place))) {
    if (readOne(file, env, before).problems.length > 0) return
    if (performance.now() - began < mostAtOnce) continue
    await new Promise((resolve) => setImmediate(resolve))
    began = performance.now()
  }
}

/** The files of a place, or in words why it has none. An empty folder has no profile, and that is no mistake. */
function filesOf(place: string): readonly string[] | string {
  try {
    if (!statSync(place).isDirectory()) return [place]
    const names = readdirSync(place).filter((name) => /^[^.].*\.ya?ml$/.test(name))
    return names.sort().map((name) => join(place, name))
  } catch (error) {
    return `${place} cannot be read: ${fileTrouble(error)}`
  }
}

function wholeFile(file: string, message: string): Problem {
  return { file, line: 1, column: 1, key: '', message }
}

/** Changes when one of the files does, or one that they name. None of them is read for it. */
export function stampOf(places: readonly string[], profiles: readonly Profile[]): string {
  const files = places.flatMap((place) => filesOf(place))
  const named = profiles.flatMap(({ reads }) => reads)
  return sha256(stampOfFiles([...files, ...named]))
}

function stampOfFiles(files: readonly string[]): string {
  return files.map(stampOfFile).join('\0')
}

/** Whatever is done to a file changes when that was done, and another file at its place is another one. */
function stampOfFile(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
    return [file, dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    return `${file} ${fileTrouble(error)}`
  }
}
