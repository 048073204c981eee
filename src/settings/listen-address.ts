/** Where a listener is. */
export interface ListenAddress {
  readonly scheme: 'http' | 'https'
  /** An address without brackets, or `localhost`. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}
