/** When a push is made again. Times in milliseconds. */

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** After so many accepted pushes that did not bring the device: an hour, four, then daily. */
export function afterAccepted(accepted: number): number {
  return accepted <= 1 ? hour : accepted === 2 ? 4 * hour : day
}

/** After failures in a row: 30 s, 2 min, 8 min, then half an hour, each with a fifth more or less, so that a crowd does not come back as one. */
export function afterFailure(failures: number, random: () => number): number {
  const base = Math.min(30_000 * 4 ** Math.max(failures - 1, 0), 30 * minute)
  return Math.round(base * (0.8 + 0.4 * random()))
}

/**
 * When nothing came back: a second, four, sixteen, up to half an hour. Soon, since a push that arrives twice does no harm:
 * it only says "come", and Apple keeps one per device.
 */
export function afterSilence(failures: number, random: () => number): number {
  const base = Math.min(1_000 * 4 ** Math.max(failures - 1, 0), 30 * minute)
  return Math.round(base * (0.8 + 0.4 * random()))
}

/** Between attempts to connect: a second, doubling up to five minutes, with jitter. */
export function beforeConnecting(failures: number, random: () => number): number {
  if (failures === 0) return 0
  return Math.round(Math.min(1000 * 2 ** (failures - 1), 5 * minute) * (0.5 + 0.5 * random()))
}

/** A push that Apple accepts so often, and that brings nobody, is given up: two weeks or so. */
export const mostAccepted = 15
/** How long Apple keeps a push for a device that is off. */
export const storedFor = 7 * day
