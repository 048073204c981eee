import { stat } from 'node:fs/promises'

export interface FileLooks {
  /** The files are about to be read: what they are now is no news any more. */
  seen(): Promise<void>
  close(): void
}

export interface FileLooksOptions {
  /** Milliseconds between two looks. */
  readonly every: number
  /** One of the files was written, replaced, removed or made, or where a link in their paths leads to. */
  readonly onChange: () => void
}

/**
 * Looks at files every so often. Being told by the operating system is faster and not to be relied upon: it tells of a folder as it
 * was, and says nothing any more when another one takes its place, when a link further up leads elsewhere, or on a network's share.
 */
export function lookAtFiles(paths: readonly string[], { every, onChange }: FileLooksOptions): FileLooks {
  let known: string | undefined
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const seen = async () => {
    known = await stampOfFiles(paths)
  }
  const next = () => {
    if (!closed) timer = setTimeout(() => void look(), every).unref()
  }
  const look = async () => {
    const before = known
    await seen()
    if (!closed && before !== undefined && before !== known) onChange()
    next()
  }
  void seen().then(next)
  return {
    seen,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

/** Differs when any of the files was written or replaced, is gone or is there again. */
export async function stampOfFiles(paths: readonly string[]): Promise<string> {
  const stamps = paths.map((path) =>
    stat(path).then(
      ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
      () => 'missing',
    ),
  )
  return (await Promise.all(stamps)).join()
}
