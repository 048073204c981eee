import type { Running } from '../processes.ts'

/** One proxy in front of the same upstream. */
export interface Contestant {
  readonly name: string
  /** Why it cannot take part here; undefined when it can. */
  absent(): string | undefined
  start(course: Course): Promise<Started>
}

export interface Course {
  readonly upstreamPort: number
  /** An empty folder for configuration and state. */
  readonly folder: string
}

export interface Started {
  readonly running: Running
  readonly port: number
  /** Header lines that this contestant's requests need, each ending in CR LF. */
  readonly headers?: string
}
