import t from 'tap'
import { createEnrollment, type EnrollmentDependencies } from '../../src/enrollment/enrollment.ts'
import type { Visit } from '../../src/enrollment/web/visit.ts'
import { SharedStateUnavailable } from '../../src/shared-state/ports.ts'

t.test('what is refused is logged without the challenge in its address, and not at any length', async (t) => {
  const lines: object[] = []
  const log = (fields: object) => void lines.push(fields)
  const answer = createEnrollment({
    mounts: [() => Promise.reject(new SharedStateUnavailable('Redis is away'))],
    logger: { info: log, warn: log, error: log },
    onRefused: () => {},
    pages: { settings: {} },
  } as unknown as EnrollmentDependencies) // what a refusal does not need is left out
  const visit = (path: string): Visit => ({
    ...{ id: 'v1', at: 0, method: 'POST', path, query: '', cookies: [], source: '192.0.2.1' },
    ...{ header: () => undefined, body: Buffer.alloc(0) },
  })
  t.equal((await answer(visit('/scep/one-time-secret'))).status, 503)
  t.equal((await answer(visit(`/${'x'.repeat(10_000)}`))).status, 503)
  t.equal((await answer(visit('/scep'))).status, 503)
  t.match(lines, [{ path: '/scep/…' }, { path: /^\/x{255}$/ }, { path: '/scep' }])
  t.notMatch(JSON.stringify(lines), 'one-time-secret')
})
