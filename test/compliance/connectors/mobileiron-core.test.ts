import t from 'tap'
import { startMobileironCore } from '../../../sim/vendors/mobileiron-core.ts'
import { type ConnectorSubject, connectorContract } from '../contract/connector.ts'

const subject: ConnectorSubject = {
  start: startMobileironCore,
  settings: ({ url }) => ({
    type: 'mobileiron-core',
    url,
    user: 'svc-gatehouse',
    password: { env: 'password' },
    pageSize: 4,
  }),
  pageSize: 4,
  unheardOf: { 'common.compliant': 'PERHAPS' },
  longMember: 'common.model_name',
  withoutId: { 'common.uuid': null, 'common.id': '' },
  tokens: false,
}

await connectorContract(t, subject)
