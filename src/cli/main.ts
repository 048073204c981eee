/** The program behind `bin/gatehouse`. */
import { userInfo } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dispatch } from './dispatch.ts'
import { commands } from './table.ts'

/** Whoever reads a pipe may stop reading (`| head`); the command ends with its own exit status all the same. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

process.exitCode = await dispatch(commands, {
  argv: process.argv.slice(2),
  streams: {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  },
  system: {
    env: process.env,
    now: Date.now,
    cwd: process.cwd(),
    root: dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
    user: operatingSystemUser,
  },
})

/** In a container the user may have a number and no name. */
function operatingSystemUser(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
