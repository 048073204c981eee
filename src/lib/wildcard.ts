/**
 * Matches text against a pattern in which `*` stands for any characters, none included. Each piece between two stars is looked for
 * once, from left to right: no regular expression, nothing that a long text could make slow.
 */
export function compileWildcard(pattern: string): (text: string) => boolean {
  const pieces = pattern.split('*')
  const head = pieces[0]!
  if (pieces.length === 1) return (text) => text === head
  const tail = pieces.at(-1)!
  const middle = pieces.slice(1, -1).filter((piece) => piece !== '')
  const shortest = head.length + tail.length
  return (text) => {
    if (text.length < shortest || !text.startsWith(head) || !text.endsWith(tail)) return false
    let at = head.length
    for (const piece of middle) {
      const found = text.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return at <= text.length - tail.length
  }
}
