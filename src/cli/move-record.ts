import { resolve } from 'node:path'
import { readSecret } from '../settings/secret.ts'
import { readStore } from '../settings/sections/store.ts'
import { readTextFile } from '../settings/text-file.ts'
import { describeLocation, type StoreLocation } from '../store/location.ts'
import { type TransferProgress, transferRecord } from '../store/transfer.ts'
import type { ExitCode, System } from './command.ts'
import { UsageError } from './errors.ts'
import type { Output } from './output.ts'

/** The options of `gatehouse migrate` that say where an installation is and where it goes. */
export interface MoveOptions {
  readonly from: string | undefined
  readonly to: string | undefined
  readonly 'password-file': string | undefined
  readonly 'password-env': string | undefined
  readonly 'tls-ca': readonly string[]
}

const command = 'migrate'

/** @param configured the record of the settings, which is the side that is not named */
export async function moveRecord(
  options: MoveOptions,
  configured: () => StoreLocation,
  { out, system }: { readonly out: Output; readonly system: System },
): Promise<ExitCode> {
  const { from, to } = locations(options, configured, system)
  const [source, target] = [describeLocation(from), describeLocation(to)]
  out.note(`Moving ${source} to ${target}`)
  const { tables, resumed } = await transferRecord(from, to, reporter(out))
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  out.show({ from: source, to: target, tables, rows, resumed }, () =>
    [
      ...tables.map(
        (table) =>
          `  ${table.table.padEnd(24)} ${String(table.rows).padStart(9)}  ${table.digest.slice(0, 16)}`,
      ),
      `Moved and compared: ${rows} rows in ${tables.length} tables${resumed > 0 ? `, ${resumed} of them by an earlier attempt` : ''}.`,
      `Now set \`store\` to ${target}, start the gateways, and put ${source} away.`,
    ].join('\n'),
  )
  return 0
}

/** One line for each tenth of a table, so that a log of it stays readable. */
function reporter(out: Output): (progress: TransferProgress) => void {
  let last = ''
  return ({ table, doing, rows, of }) => {
    const tenths = of === 0 ? 10 : Math.floor((10 * rows) / of)
    const line = `${doing} ${table}: ${tenths * 10}%`
    if (line === last) return
    last = line
    out.note(`${line} (${rows} of ${of})`)
  }
}

function locations(options: MoveOptions, configured: () => StoreLocation, system: System) {
  const named = [options.from, options.to].filter((text) => text !== undefined)
  const databases = named.filter((text) => text.startsWith('postgres'))
  if (databases.length > 1)
    throw new UsageError('Both are PostgreSQL: put one of them into the settings and name the other', command)
  const special = options['password-file'] ?? options['password-env'] ?? options['tls-ca'][0]
  if (special !== undefined && databases.length === 0)
    throw new UsageError(
      'The password and --tls-ca belong to a postgres:// address of --from or --to',
      command,
    )
  const read = (name: 'from' | 'to') => {
    const text = options[name]
    return text === undefined ? configured() : readLocation(text, `--${name}`, { options, system })
  }
  return { from: read('from'), to: read('to') }
}

function readLocation(
  text: string,
  name: string,
  { options, system }: { readonly options: MoveOptions; readonly system: System },
): StoreLocation {
  const written = readStore(text)
  // The text is not repeated: it may hold a password.
  if (typeof written === 'string') throw new UsageError(`${name} ${written}`, command)
  const path = (file: string) => resolve(system.cwd, file)
  if (written.kind === 'sqlite') return { kind: 'sqlite', path: path(written.path) }
  const { password: _, tls: __, ...address } = written
  const secret = readPassword(options, system)
  const ca = options['tls-ca'].map(path)
  return {
    ...address,
    ...(secret && { password: secret }),
    ...(ca.length > 0 && { tls: { ca, verify: 'full' as const } }),
  }
}

function readPassword(options: MoveOptions, { cwd, env }: System) {
  const { 'password-file': file, 'password-env': name } = options
  if (file !== undefined && name !== undefined)
    throw new UsageError('--password-file and --password-env exclude each other', command)
  const source = file !== undefined ? { file } : name !== undefined ? { env: name } : undefined
  if (source === undefined) return undefined
  const secret = readSecret(source, { env, readFile: readTextFile, resolve: (path) => resolve(cwd, path) })
  if (typeof secret === 'string') throw new UsageError(`The password: ${secret}`, command)
  return secret
}
