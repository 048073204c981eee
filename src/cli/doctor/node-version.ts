import { type Finding, fail, ok } from './finding.ts'

/** The first Node that strips types and has `node:sqlite` without a flag, in long-term support. */
const floor = 24

export function checkNode(): Finding[] {
  const major = Number.parseInt(process.versions.node, 10)
  if (major >= floor) return [ok('node', process.version)]
  return [
    fail(
      'node',
      `${process.version} is too old`,
      `Gatehouse needs Node ${floor}; bin/gatehouse takes the one that npm ci installs`,
    ),
  ]
}
