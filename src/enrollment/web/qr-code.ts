import { encodeQR } from 'qr'
import { Markup } from './document.ts'

/** A web address as a QR code: black on white also in the dark, since cameras do not read it otherwise. */
export function qrCode(address: string): Markup {
  const rows = encodeQR(address, 'raw', { ecc: 'medium', border: 2 })
  const size = rows.length
  const path = rows
    .flatMap((row, y) => runs(row).map(([x, length]) => `M${x} ${y}h${length}v1h-${length}z`))
    .join('')
  return new Markup(
    `<div class="qr"><svg viewBox="0 0 ${size} ${size}" role="img" aria-label="QR code with the address of this page" shape-rendering="crispEdges"><path fill="#000" d="${path}"/></svg></div>`,
  )
}

/** Dark modules of a row that follow each other are one rectangle: [first, how many]. */
function runs(row: readonly boolean[]): [number, number][] {
  const found: [number, number][] = []
  for (const [x, dark] of row.entries()) {
    const last = found.at(-1)
    if (!dark) continue
    if (last !== undefined && last[0] + last[1] === x) last[1]++
    else found.push([x, 1])
  }
  return found
}
