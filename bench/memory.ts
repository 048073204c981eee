import { readFileSync } from 'node:fs'
import { childrenOf } from './processes.ts'

/** Megabytes that each of a process and its descendants has to itself or shares, by halves: what ends with it (PSS of proc(5)). */
export function memoryOf(pid: number): readonly number[] {
  return [pid, ...childrenOf(pid)].map(ownMemory)
}

function ownMemory(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Math.round(Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024)
}
