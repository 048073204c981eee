import { join } from 'node:path'
import { startInstallation } from '../installation.ts'
import { deviceSecret, seedRecord } from '../seed.ts'
import type { Contestant, Course, Started } from './contestant.ts'

/** Beside proxies of one process. */
export const gatehouse: Contestant = contestant('Gatehouse', 1)
/** As it runs by itself: a process for each core, with a supervisor that accepts for them. */
export const gatehouseOnAllCores: Contestant = contestant('Gatehouse, all cores', 'auto')

/** Everything on: identify by cookie, read the state, decide, tell the upstream who it is, write the access log. */
function contestant(name: string, processes: 1 | 'auto'): Contestant {
  return { name, absent: () => undefined, start: (course) => startGatehouse(course, processes) }
}

async function startGatehouse(course: Course, processes: 1 | 'auto'): Promise<Started> {
  const path = join(course.folder, 'data', 'record.db')
  await seedRecord({ kind: 'sqlite', path }, { registrations: 1, service: 'bench', registeredAt: Date.now() })
  const { running, port } = await startInstallation({ ...course, processes })
  return { running, port, headers: `Cookie: gatehouse-device=${deviceSecret(0)}; session=1234567890\r\n` }
}
