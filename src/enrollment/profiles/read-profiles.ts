import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileTrouble } from '../../lib/error-code.ts'
import { sha256 } from '../../lib/hash.ts'
import type { Problem } from '../../lib/yaml-document.ts'
import { readTextFile } from '../../settings/text-file.ts'
import type { Profile } from './profile.ts'
import { readProfile } from './read-profile.ts'

export interface ReadProfiles {
  /** In the order of their files; undefined when there are problems. */
  readonly profiles: readonly Profile[] | undefined
  readonly problems: readonly Problem[]
}

/**
 * Reads all profiles.
 * @param places files, and folders of which every `.yaml` and `.yml` is read, in the order of their names
 */
export function readProfiles(places: readonly string[], env: NodeJS.ProcessEnv): ReadProfiles {
  const problems: Problem[] = []
  const profiles: Profile[] = []
  for (const place of places) {
    const files = filesOf(place)
    if (typeof files === 'string') {
      problems.push(wholeFile(place, files))
      continue
    }
    for (const file of files) {
      const read = readTextFile(file)
      const { profile, problems: found } =
        read.text === undefined
          ? { profile: undefined, problems: [wholeFile(file, read.mistake)] }
          : readProfile(read.text, file, env)
      problems.push(...found)
      const twin = profile && profiles.find(({ name }) => name === profile.name)
      if (twin !== undefined)
        problems.push({ ...wholeFile(file, `there is a profile of this name in ${twin.file}`), key: 'name' })
      if (profile !== undefined) profiles.push(profile)
    }
  }
  return { profiles: problems.length > 0 ? undefined : profiles, problems }
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

/** Changes when one of the files does, or one that they name, so that what did not change is not read again. */
export function stampOf(places: readonly string[], profiles: readonly Profile[]): string {
  const files = places.flatMap((place) => filesOf(place))
  const named = profiles.flatMap(({ reads }) => reads)
  return sha256([...files, ...named].map((file) => `${file} ${readTextFile(file).text ?? ''}`).join('\0'))
}
