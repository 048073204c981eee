import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileTrouble } from '../../lib/error-code.ts'
import { compilePolicy } from '../../policy/compile.ts'
import type { PolicyDocument } from '../../policy/document.ts'
import { parsePolicy } from '../../policy/parse.ts'
import { type PolicyTestResult, runPolicyTests } from '../../policy/run-tests.ts'
import { defineCommand } from '../command.ts'
import { UsageError, WrongSettings } from '../errors.ts'
import { decisionText, traceText } from '../explanation-text.ts'
import { readSettings } from '../settings-file.ts'

interface TestedFile {
  readonly file: string
  readonly results: readonly PolicyTestResult[]
}

export const policyTest = defineCommand({
  name: 'policy test',
  summary:
    'Run the policy’s own tests, and those of further files, and show how the failed ones were decided.',
  details: 'A further file has a `tests:` list as the policy has. Exit 1 when a test fails.',
  args: [{ name: 'FILE', description: 'A YAML file with more tests.', optional: true, many: true }],
  options: {},
  examples: [
    { line: 'policy test', description: 'The tests in the policy file' },
    { line: 'policy test /etc/gatehouse/cases.yaml', description: 'More tests, kept apart' },
  ],
  async run({ args, out, system, config }) {
    const document = read(readSettings({ config, system }).policy)
    const files = args.map((file) => resolve(system.cwd, file))
    const tested = [
      { file: document.file, results: test(document, system.now()) },
      ...files.map((file) => ({
        file,
        results: test({ ...document, tests: read(file).tests }, system.now()),
      })),
    ]
    const failed = tested.flatMap(({ results }) => results.filter(({ passed }) => !passed)).length
    const total = tested.flatMap(({ results }) => results).length
    out.show({ files: tested, total, failed }, () =>
      [...tested.flatMap(fileText), `${total - failed} of ${total} passed`].join('\n'),
    )
    return failed > 0 ? 1 : 0
  },
})

function test(document: PolicyDocument, now: number): readonly PolicyTestResult[] {
  return runPolicyTests(compilePolicy(document), now)
}

/** @throws WrongSettings, UsageError */
function read(file: string): PolicyDocument {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${fileTrouble(error)}`, 'policy test')
  }
  const { policy, problems } = parsePolicy(text, file)
  if (policy === undefined) throw new WrongSettings(problems)
  return policy
}

function fileText({ file, results }: TestedFile): string[] {
  if (results.length === 0) return [`${file}: no tests`, '']
  return [`${file}:`, ...results.map(resultText), '']
}

function resultText({ name, passed, expected, actual }: PolicyTestResult): string {
  if (passed) return `  ok    ${name}`
  const wanted = typeof expected === 'string' ? expected : JSON.stringify(expected)
  const why = [traceText(actual.trace), decisionText(actual.decision)].join('\n').split('\n')
  return [`  FAIL  ${name}`, `        expected ${wanted}`, ...why.map((line) => `        ${line}`)].join('\n')
}
