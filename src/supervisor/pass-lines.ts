import type { Readable } from 'node:stream'

const lineFeed = 10
/** Bytes without an end of line after which they are let go: no line of ours is so long. */
const longestLine = 4 * 1024 * 1024

/**
 * Passes on the whole lines of a worker. The supervisor alone writes to the log, so that lines of several processes
 * never mix, whatever the log is: a pipe keeps only up to 4 KiB of one write together, a socket not even that. What a
 * killed worker began and did not finish is left out.
 */
export function passLines(from: Readable, to: (lines: Buffer) => void): void {
  let begun: Buffer[] = []
  let kept = 0
  from.on('error', () => {})
  from.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(lineFeed) + 1
    if (end > 0) {
      to(Buffer.concat([...begun, chunk.subarray(0, end)]))
      begun = []
      kept = 0
    }
    if (end === chunk.length) return
    kept += chunk.length - end
    if (kept <= longestLine) begun.push(chunk.subarray(end))
    else begun = []
  })
}
