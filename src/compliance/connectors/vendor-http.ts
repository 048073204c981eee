/**
 * Calls to vendors, the same for all of them: through the proxy that the settings name, with time and size limits,
 * retried with back-off and full jitter where asking again may help (no answer, 408, 429, 5xx; `Retry-After` in seconds
 * or as a date is honoured), redirects refused, and every address held to the vendor's own origin, since the request
 * carries its credentials. Neither errors nor logs hold a secret.
 */
export interface VendorHttp {
  /**
   * @param request.url absolute, or relative to the connection's base address
   * @throws VendorError for everything but an answer below 500 that is not 408 or 429
   */
  request(request: VendorRequest): Promise<VendorAnswer>
}

export interface VendorRequest {
  readonly method?: 'GET' | 'POST'
  readonly url: string | URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /**
   * The origins that this request may go to beside the base address's own (a token endpoint elsewhere). A next-link
   * to any other is refused: it would carry the token there.
   */
  readonly origins?: readonly string[]
  readonly signal?: AbortSignal
}

export interface VendorAnswer {
  readonly status: number
  /** In lower case; the first of repeated ones. */
  header(name: string): string | undefined
  readonly text: string
  /** The body as JSON. @throws VendorError `protocol` when it is not (HTML of a proxy's login page, a truncated page) */
  json(): unknown
}
