import { nearMatch } from '../../lib/near-match.ts'

/**
 * Variables of profiles: `%user%` stands for something different for each user or device, `%%` for a percent sign. There
 * are these and no others; what they stand for is never read for variables again, and a profile whose variable has no
 * value for somebody is not sent to them.
 */
export const variables = {
  user: 'the name that the user signed in with at enrollment, in lower case',
  email: 'the user’s mail address',
  name: 'the user’s full name',
  device: 'the name of the device',
  serial: 'the serial number of the device',
  udid: 'the UDID of the device',
  model: 'the model of the device',
  organisation: 'the organisation of the settings',
} as const

export type VariableName = keyof typeof variables
export type VariableValues = Readonly<Partial<Record<VariableName, string>>>

const names = Object.keys(variables) as VariableName[]
const reference = /%([a-z]*)%/g

/** Why the text cannot be read, or undefined. */
export function textMistake(text: string): string | undefined {
  if (/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/.test(text) || !text.isWellFormed())
    return 'must be one line of text without control characters'
  for (const [written, name = ''] of text.matchAll(reference)) {
    if (name === '' || isVariable(name)) continue
    const near = nearMatch(name, names)
    const hint = near === undefined ? '' : ` Did you mean %${near}%?`
    return `there is no variable ${written}.${hint} There are ${names.map((one) => `%${one}%`).join(', ')}`
  }
  if (text.replaceAll(reference, '').includes('%')) return 'a percent sign is written as %%'
  return undefined
}

/** The same, where variables are not read and a percent sign is one. */
export function plainTextMistake(text: string): string | undefined {
  const [variable] = variablesIn(text)
  if (variable !== undefined) return `variables are not read here: %${variable}% would be shown as it is`
  return textMistake(text.replaceAll('%', ''))
}

/** In the order in which they come first. */
export function variablesIn(text: string): readonly VariableName[] {
  return [...new Set([...text.matchAll(reference)].map(([, name = '']) => name))].filter(isVariable)
}

/** @throws MissingVariable */
export function expand(text: string, values: VariableValues, style?: 'url'): string {
  return text.replaceAll(reference, (_, name: string) => {
    if (!isVariable(name)) return style === 'url' ? '%25' : '%'
    const value = values[name]
    // Longer or with control characters it is no name, but somebody's attempt.
    if (
      value === undefined ||
      value === '' ||
      value.length > 500 ||
      /[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/.test(value)
    )
      throw new MissingVariable(name)
    return style === 'url' ? encodeURIComponent(value.toWellFormed()) : value.toWellFormed()
  })
}

export class MissingVariable extends Error {
  readonly variable: VariableName

  constructor(variable: VariableName) {
    super(`%${variable}% has no value here: ${variables[variable]} is not known`)
    this.name = 'MissingVariable'
    this.variable = variable
  }
}

function isVariable(name: string): name is VariableName {
  return Object.hasOwn(variables, name)
}
