import t from 'tap'
import type { Binding } from '../../src/domain/client-identity.ts'
import type { Match } from '../../src/domain/posture.ts'
import type { RequestHead } from '../../src/domain/request-head.ts'
import type { Assessment } from '../../src/gateway/assess.ts'
import { describeRefusal } from '../../src/gateway/refuse.ts'

function sentence(binding: Binding, match: Match): string {
  // Only what a refusal looks at.
  const assessment = {
    decision: {},
    state: {
      registration: { binding },
      posture: { state: 'noncompliant', match, vendor: 'mdm', reason: 'No passcode.' },
    },
  } as unknown as Assessment
  const head = { id: 'reference' } as RequestHead
  return describeRefusal('device.noncompliant', head, assessment).sentence
}

t.test('who is refused is told what the MDM finds wrong, in its own words', async (t) => {
  t.match(sentence('cookie', 'exact'), /device management says: No passcode\.$/)
  t.match(sentence('certificate', 'likely'), 'No passcode')
})

t.test('who merely claims to be a device does not learn what is wrong with it', async (t) => {
  t.notMatch(sentence('claimed', 'exact'), 'No passcode')
})

t.test('where nobody can tell which of several devices it is, no one of them is named', async (t) => {
  t.notMatch(sentence('cookie', 'ambiguous'), 'No passcode')
})
