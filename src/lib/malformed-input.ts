/** What came from outside breaks the rules of its format. The message names the rule, never the input. */
export class MalformedInput extends Error {
  constructor(rule: string, options?: ErrorOptions) {
    super(rule, options)
    this.name = 'MalformedInput'
  }
}
