/** A process of its own that pushes until it is killed. Its one argument is a `RoleSetup` as JSON. */
import { type RoleSetup, startRole } from './role-support.ts'

await startRole(JSON.parse(process.argv[2] ?? '') as RoleSetup) // from the test that starts it
setInterval(() => {}, 60_000)
