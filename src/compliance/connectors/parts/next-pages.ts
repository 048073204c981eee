import { VendorError } from '../connector.ts'

/** Pages without a single record in a row: more is a vendor that goes round in circles. */
const mostEmptyPages = 10

/**
 * Watches a sweep that follows what the vendor calls the next page: the same page twice, or pages without end, would
 * keep it going for ever.
 */
export class NextPages {
  readonly #seen = new Set<string>()
  #empty = 0

  /**
   * @param next address or cursor of the next page
   * @param count records of the page that named it
   * @throws VendorError
   */
  check(next: string, count: number): void {
    this.#empty = count === 0 ? this.#empty + 1 : 0
    if (this.#empty > mostEmptyPages) {
      throw new VendorError('protocol', `the vendor sent ${this.#empty} empty pages, each with a next one`)
    }
    if (this.#seen.has(next))
      throw new VendorError('protocol', 'the vendor’s next page is one that was read already')
    this.#seen.add(next)
  }
}
