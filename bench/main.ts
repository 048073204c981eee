/**
 * `npm run bench`: what Gatehouse costs and how fast it is, measured on loopback. `npm run bench -- NAME…` runs some of the
 * scenarios; `--help` lists them with their options. Cost is counted in requests per CPU-second (user and system
 * time of all processes measured), which a noisy machine disturbs least; compare the ratios of one run, never figures of two.
 */
import { parseArgs } from 'node:util'
import type { Scenario } from './scenarios/scenario.ts'
import { scenarios } from './scenarios/table.ts'

const { values, positionals } = given()

function given() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        ...Object.fromEntries(
          scenarios
            .flatMap(({ options }) => Object.keys(options))
            .map((name) => [name, { type: 'string' } as const]),
        ),
      },
    })
  } catch (error) {
    // What parseArgs says of a wrong option is meant for people.
    process.stderr.write(`${(error as Error).message}\n\n${help()}\n`)
    process.exit(2)
  }
}

if (values.help === true) console.log(help())
else for (const scenario of chosen()) await run(scenario)

function chosen(): readonly Scenario[] {
  const unknown = positionals.filter((name) => !scenarios.some((scenario) => scenario.name === name))
  if (unknown.length > 0) {
    process.stderr.write(`There is no scenario ${unknown.join(', ')}.\n\n${help()}\n`)
    process.exit(2)
  }
  return positionals.length === 0 ? scenarios : scenarios.filter(({ name }) => positionals.includes(name))
}

async function run({ name, summary, options, run }: Scenario): Promise<void> {
  console.log(`\n${name}: ${summary}`)
  const chosen = Object.entries(options).map(([option, { default: value }]) => {
    const given: unknown = (values as Record<string, unknown>)[option]
    return [option, given === undefined ? value : positive(option, given)] as const
  })
  await run(Object.fromEntries(chosen))
}

function positive(option: string, given: unknown): number {
  const value = Number(given)
  if (value > 0 && Number.isFinite(value)) return value
  process.stderr.write(`--${option} must be a number above 0\n`)
  process.exit(2)
}

function help(): string {
  const lines = scenarios.flatMap(({ name, summary, options }) => [
    `  ${name}: ${summary}`,
    ...Object.entries(options).map(
      ([option, { default: value, description }]) => `      --${option} ${value}  ${description}`,
    ),
  ])
  return ['npm run bench -- [NAME…] [--OPTION NUMBER…]', '', ...lines].join('\n')
}
