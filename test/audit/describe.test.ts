import t from 'tap'
import { describe } from '../../src/audit/describe.ts'

const record = {
  ...{ sequence: 12, at: 0, actor: 'root', subject: 'r_1', previousHash: '', hash: 'h' },
  action: 'device.blocked',
  details: { service: 'mail', networks: ['a', 'b'] },
} as const

t.test('an audit record is one line that says who did what to what, and why', async (t) => {
  t.equal(
    describe({ ...record, why: 'lost' }),
    '12  1970-01-01T00:00:00.000Z  root blocked r_1: lost (service=mail networks=a,b)',
  )
  t.equal(describe({ ...record, details: {} }), '12  1970-01-01T00:00:00.000Z  root blocked r_1')
})

t.test('a reason cannot write control characters to the terminal', async (t) => {
  t.match(
    describe({ ...record, why: 'x\n13  \u001b[2Jroot\u202e' }),
    /: x\ufffd13 {2}\ufffd\[2Jroot\ufffd \(/,
  )
})
