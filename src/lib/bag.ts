/** What is kept in a bag. `place` is the bag's own. */
export interface Bagged {
  place: number
}

/** Not in a bag. */
export const nowhere = -1

/**
 * An unordered collection of objects that come and go with each request: adding and removing move one number and
 * allocate nothing, where a Set would hash each object and rehash itself again and again.
 */
export class Bag<T extends Bagged> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  has(item: T): boolean {
    return item.place !== nowhere && this.#items[item.place] === item
  }

  add(item: T): void {
    item.place = this.#items.push(item) - 1
  }

  delete(item: T): void {
    if (!this.has(item)) return
    const last = this.#items.pop() as T // it is not empty: it has the item
    if (last !== item) {
      this.#items[item.place] = last
      last.place = item.place
    }
    item.place = nowhere
  }

  /** A copy, so that items may leave while it is gone through. */
  list(matches: (item: T) => boolean = () => true): T[] {
    return this.#items.filter(matches)
  }
}
