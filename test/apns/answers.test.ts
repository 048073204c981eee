import t from 'tap'
import { readAnswer, type Verdict, verdictOf } from '../../src/apns/answers.ts'

/** Apple's table of statuses and reasons, and what follows from each. */
const table: readonly (readonly [number, string | undefined, Verdict])[] = [
  [200, undefined, 'accepted'],
  [400, 'BadDeviceToken', 'dead-token'],
  [400, 'DeviceTokenNotForTopic', 'dead-token'],
  [400, 'BadTopic', 'stop'],
  [400, 'MissingTopic', 'stop'],
  [400, 'TopicDisallowed', 'stop'],
  [400, 'BadExpirationDate', 'mistake'],
  [400, 'BadMessageId', 'mistake'],
  [400, 'BadPriority', 'mistake'],
  [400, 'BadCollapseId', 'mistake'],
  [400, 'DuplicateHeaders', 'mistake'],
  [400, 'InvalidPushType', 'mistake'],
  [400, 'MissingDeviceToken', 'mistake'],
  [400, 'PayloadEmpty', 'mistake'],
  [400, 'IdleTimeout', 'reconnect'],
  [403, 'BadCertificate', 'stop'],
  [403, 'BadCertificateEnvironment', 'stop'],
  [403, 'Forbidden', 'stop'],
  [403, 'ExpiredProviderToken', 'stop'],
  [403, 'InvalidProviderToken', 'stop'],
  [403, 'MissingProviderToken', 'stop'],
  [404, 'BadPath', 'mistake'],
  [405, 'MethodNotAllowed', 'mistake'],
  [410, 'Unregistered', 'dead-token'],
  [410, 'ExpiredToken', 'dead-token'],
  [413, 'PayloadTooLarge', 'mistake'],
  [429, 'TooManyRequests', 'later'],
  [429, 'TooManyProviderTokenUpdates', 'later'],
  [500, 'InternalServerError', 'later'],
  [503, 'ServiceUnavailable', 'reconnect'],
  [503, 'Shutdown', 'reconnect'],
]

t.test('each of Apple’s answers has its consequence', async (t) => {
  for (const [status, reason, verdict] of table)
    t.equal(verdictOf({ status, ...(reason !== undefined && { reason }) }), verdict, `${status} ${reason}`)
})

t.test('a reason that nobody knows costs no device its token', async (t) => {
  for (const status of [400, 401, 403, 404, 451])
    t.equal(verdictOf({ status, reason: 'SomethingNew' }), 'stop', String(status))
  t.equal(verdictOf({ status: 502 }), 'later')
  t.equal(verdictOf({ status: 503 }), 'reconnect')
})

t.test('an answer’s body is Apple’s JSON, or nothing', async (t) => {
  t.strictSame(readAnswer(410, '{"reason":"Unregistered","timestamp":1770000000000}'), {
    status: 410,
    reason: 'Unregistered',
    timestamp: 1_770_000_000_000,
  })
  for (const body of [
    '',
    '<html>',
    '{"reason":7}',
    '{"reason":"a b\\n"}',
    'null',
    '[]',
    `{"reason":"${'A'.repeat(65)}"}`,
  ])
    t.strictSame(readAnswer(400, body), { status: 400 }, body)
})
