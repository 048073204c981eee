/** An answer that the gateway gives by itself. */
export interface Answer {
  readonly status: number
  /** Name, value; the gateway adds Content-Length, Cache-Control: no-store and the reference id. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string | Uint8Array
}
