import { readdirSync } from 'node:fs'
import t from 'tap'
import { commandHelp } from '../../src/cli/help.ts'
import { commandsReference } from '../../src/cli/reference.ts'
import { commands } from '../../src/cli/table.ts'
import { inProcess } from '../helpers/in-process.ts'
import { run } from '../helpers/run.ts'
import { command, installation, json } from './support.ts'

t.test('every file in commands/ is a command in the table, and the other way round', async (t) => {
  const files = readdirSync(new URL('../../src/cli/commands', import.meta.url)).sort()
  const names = commands.map(({ name }) => `${name.replaceAll(' ', '-')}.ts`).sort()
  t.strictSame(names, files)
})

t.test('the help of every command says what it does, its options and an example that names it', async (t) => {
  for (const one of commands) {
    const help = commandHelp(one)
    t.match(help, one.summary)
    t.match(help, `gatehouse ${one.name}`)
    t.match(help, /\nExamples?:\n {2}# /, one.name)
    for (const option of ['--help', '--json', '--config', ...Object.keys(one.options)]) t.match(help, option)
    for (const { line } of one.examples) t.ok(line.startsWith(one.name), line)
  }
})

t.test('the reference page has every command with its options', async (t) => {
  const page = commandsReference()
  for (const one of commands) {
    t.match(page, `## gatehouse ${one.name}\n`)
    for (const name of Object.keys(one.options)) t.match(page, `--${name}`)
  }
})

t.test('asking for help succeeds, in all the ways people ask', async (t) => {
  for (const args of [
    ['--help'],
    ['help'],
    ['help', 'device', 'list'],
    ['device', 'list', '-h'],
    ['device', '--help'],
  ]) {
    const { code, stdout, stderr } = await inProcess(args)
    t.equal(code, 0, args.join(' '))
    t.match(stdout, /Usage: gatehouse/)
    t.equal(stderr, '')
  }
})

t.test('wrong usage exits with 2, says what is wrong and what was probably meant', async (t) => {
  const { settingsFile, openStore } = installation(t)
  await openStore()
  const cases: [string[], RegExp][] = [
    [[], /Which command/],
    [['chek'], /no command 'chek'; did you mean 'check'/],
    [['device', 'lst'], /did you mean 'device list'/],
    [['device'], /needs one of: list, show, approve/],
    [['check', '--efective'], /no option --efective; did you mean --effective/],
    [['device', 'list', '--limit', 'many'], /--limit must be a whole number/],
    [['device', 'list', '--user'], /--user needs a value/],
    [['device', 'list', '--user', '--json'], /--user needs a value/],
    [['device', 'list', '--blocked=yes'], /--blocked takes no value/],
    [['device', 'show'], /ID is missing/],
    [['device', 'show', 'r_1', 'r_2'], /'r_2' is one argument too many/],
    [['device', 'block', 'r_1'], /--why is missing/],
    [['explain', '--url', 'https://chat.example.com/', '--from', '010.0.0.1'], /--from must be an address/],
    [
      ['explain', '--url', 'https://a/', '--from', '10.0.0.1', '--posture', 'fine'],
      /--posture must be one of compliant/,
    ],
    [['bypass', 'caht', '--for', '30m', '--why', 'x'], /no service caht; did you mean chat/],
    [['bypass', 'chat', '--for', '2d', '--why', 'x'], /at most 1d/],
    [['bypass', 'chat', '--list', '--end'], /--for, --end and --list exclude each other/],
  ]
  for (const [args, words] of cases) {
    const { code, stdout, stderr } = await inProcess(args, settingsFile)
    t.match(stderr, words, args.join(' '))
    t.equal(code, 2, args.join(' '))
    t.equal(stdout, '')
  }
})

t.test('settings that are wrong are told with file, line and column, all of them, with exit 2', async (t) => {
  const settings = 'gateway:\n  listn: ["http://127.0.0.1:0"]\nservices: []\n'
  const { gatehouse, settingsFile } = installation(t, { settings })
  const { code, stderr } = await gatehouse('device', 'list')
  t.equal(code, 2)
  t.match(stderr, `${settingsFile}:2:3: gateway.listn: `)
  t.match(stderr, `${settingsFile}:3:11: services: `)
})

t.test('a settings file that is not there is named', async (t) => {
  const { code, stdout } = await run(t, [command, 'check', '-c', '/nowhere/gatehouse.yaml'])
  t.equal(code, 1)
  t.match(stdout, 'cannot be read: there is no such file (ENOENT)')
  const listed = await run(t, [command, 'device', 'list', '-c', '/nowhere/gatehouse.yaml'])
  t.equal(listed.code, 2)
  t.match(
    listed.stderr,
    '/nowhere/gatehouse.yaml:1:1: /nowhere/gatehouse.yaml cannot be read: there is no such file (ENOENT)',
  )
})

t.test('the version is told, as text and as JSON', async (t) => {
  const asJson = await run(t, [command, 'version', '--json'])
  t.match(json(asJson), { version: /^\d+\.\d+\.\d+/, node: /^v\d+/ })
  t.match((await run(t, [command, '--version'])).stdout, /^gatehouse \d/)
})

t.test('a reader that stops reading does not make a command fail', async (t) => {
  const line = `{ '${command}' help; echo "status $?" >&2; } | true`
  t.equal((await run(t, ['sh', '-c', line])).stderr, 'status 0\n')
})
