/**
 * The attack: be refused some thousand times a second. Each refusal is kept for `gatehouse explain`, so that the journal
 * held nothing but the attacker's within two seconds, each batch was a thousand explanations in one write, and while the
 * record was slow the batches piled up without an end.
 */
import t from 'tap'
import type { Assessment } from '../../src/gateway/assess.ts'
import { RefusalJournal } from '../../src/gateway/refusal-journal.ts'
import type { StoredRefusal } from '../../src/store/ports.ts'
import { aRequest } from '../clients/helpers/given.ts'
import { policyOf, request } from '../policy/helpers/policy.ts'

function refusedFrom(address: string): Assessment {
  const { head } = aRequest()
  return {
    request: { head: { ...head, source: { address, derivedFrom: 'peer', peer: address } } },
    facts: request({ source: address }),
    decision: { verdict: 'refuse', reason: 'device.unregistered' },
  } as Assessment // what the journal looks at
}

t.test(
  'the refusals of one source leave room for others, and no more wait than the queue holds',
  async (t) => {
    const policy = policyOf('registration: []\naccess: []')
    const batches: (readonly StoredRefusal[])[] = []
    const { promise: slowRecord, resolve: answers } = Promise.withResolvers<void>()
    const add = async (batch: readonly StoredRefusal[]) => {
      batches.push(batch)
      await slowRecord
    }
    let dropped = 0
    const journal = new RefusalJournal({
      refusals: { add, get: async () => undefined },
      policy: () => policy,
      onDropped: () => dropped++,
      onError: t.error,
    })
    const flood = () => {
      for (let i = 0; i < 1000; i++) journal.add(refusedFrom('203.0.113.66'), 'device.unregistered')
    }
    flood()
    journal.add(refusedFrom('203.0.113.7'), 'device.unregistered')
    void journal.flush()
    for (let i = 0; i < 10; i++) {
      flood()
      void journal.flush()
    }
    answers()
    await journal.flush()
    t.ok(batches.some((batch) => batch.some(({ source }) => source?.address === '203.0.113.7')))
    const kept = batches.flat().length
    t.ok(kept <= 50, `${kept} were kept`)
    t.equal(kept + dropped, 11_001)
  },
)
