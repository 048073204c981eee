import type { KeyPath } from '../lib/yaml-document.ts'

/** What is wrong, and with which key; its place in the file is looked up when it is reported. */
export interface Mistake {
  readonly path: KeyPath
  readonly message: string
}
