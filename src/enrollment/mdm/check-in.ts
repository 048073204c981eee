import type { X509Certificate } from 'node:crypto'
import type { DeviceIds } from '../../domain/device-ids.ts'
import type { EnrolledDevice, Enrollment } from '../../domain/enrollment.ts'
import { normaliseImei, normaliseMeid, normaliseSerial, normaliseUdid } from '../../lib/device-id.ts'
import { booleanField, dataField, field, textField } from '../../lib/plist/fields.ts'
import type { PlistDict } from '../../lib/plist/values.ts'
import { empty, plist, refusal } from './answers.ts'
import { declarativeManagement } from './declarative-management.ts'
import type { EnrollmentName } from './enrollment-id.ts'
import { type IssuedIdentity, pinnedIdentity } from './identities.ts'
import type { MdmAnswer, MdmDependencies } from './mdm.ts'
import { platformOf } from './platform.ts'

interface CheckIn {
  readonly name: EnrollmentName
  readonly dict: PlistDict
  readonly at: number
  /** Whose identity may begin the enrollment. */
  readonly begins?: { readonly issued: IssuedIdentity; readonly certificate: X509Certificate }
  /** Whose identity speaks for it: the device's, also for a channel. */
  readonly enrollment?: Enrollment
}

export async function checkIn(message: CheckIn, deps: MdmDependencies): Promise<MdmAnswer> {
  const { name, dict, begins, enrollment } = message
  if (begins !== undefined) return authenticate(message, begins, deps)
  if (enrollment === undefined) return refusal(400, 'enrollment.unknown', { enrollment: name.id })
  const type = field(dict, 'MessageType')
  switch (type) {
    case 'Authenticate':
      // With the identity that renews the former one, which is pinned by now.
      return empty({ outcome: 'renewed', enrollment: name.id })
    case 'TokenUpdate':
      return tokenUpdate(message, deps)
    case 'CheckOut':
      return leaveNow(name, enrollment, { deps, at: message.at })
    case 'UserAuthenticate':
      // Of people, only those are managed who have a channel without signing in to us: no more requests for this login.
      return refusal(410, 'user.not-managed', { enrollment: name.id, level: 'info' })
    case 'SetBootstrapToken':
      return setBootstrapToken(message, deps)
    case 'GetBootstrapToken':
      return getBootstrapToken(message, deps)
    case 'GetToken':
      return refusal(404, 'token.unsupported', { enrollment: name.id, level: 'info' })
    case 'DeclarativeManagement':
      return declarativeManagement(dict, enrollment)
    default:
      return refusal(400, 'message.unknown', { enrollment: name.id })
  }
}

async function authenticate(
  { name, dict, at }: CheckIn,
  { issued, certificate }: NonNullable<CheckIn['begins']>,
  deps: MdmDependencies,
): Promise<MdmAnswer> {
  const topic = topicOf(dict, deps)
  if (topic === undefined) return refusal(400, 'topic.wrong', { enrollment: name.id })
  if (name.kind !== 'device' && name.kind !== 'user-enrollment')
    return refusal(400, 'message.malformed', { enrollment: name.id })
  // Those of the profile that brought this identity: the settings may ask for others by now, and the device grants none of them.
  const asked = issued.challenge && (await deps.record.scepChallenges.find(issued.challenge))
  const accessRights = asked ? asked.accessRights : undefined
  const outcome = await deps.record.enrollments.begin({
    id: name.id,
    kind: name.kind,
    ...(issued.user !== undefined && { user: issued.user }),
    ids: idsOf(dict),
    device: deviceOf(dict),
    identity: pinnedIdentity(certificate),
    topic,
    ...(accessRights !== undefined && { accessRights }),
    at,
  })
  if (outcome === 'identity-taken') return refusal(403, 'certificate.of-another', { enrollment: name.id })
  return empty({ outcome: 'authenticate', enrollment: name.id })
}

/** Of another topic no push would ever arrive. */
function topicOf(dict: PlistDict, { topic }: MdmDependencies): string | undefined {
  const sent = textField(dict, 'Topic')
  const ours = topic()
  return sent !== undefined && sent.length <= 256 && (ours === undefined || sent === ours) ? sent : undefined
}

const longestName = 256

function deviceOf(dict: PlistDict): EnrolledDevice {
  const text = (key: string) => textField(dict, key)?.slice(0, longestName)
  const [udid, serial, productName] = [text('UDID'), text('SerialNumber'), text('ProductName')]
  const [osVersion, buildVersion] = [text('OSVersion'), text('BuildVersion')]
  const [name, model] = [text('DeviceName'), text('ModelName')]
  const platform = platformOf(productName, model)
  return {
    ...(udid !== undefined && { udid }),
    ...(serial !== undefined && { serial }),
    ...(platform !== undefined && { platform }),
    ...(name !== undefined && { name }),
    ...(productName !== undefined && { productName }),
    ...(model !== undefined && { model }),
    ...(osVersion !== undefined && { osVersion }),
    ...(buildVersion !== undefined && { buildVersion }),
  }
}

function idsOf(dict: PlistDict): DeviceIds {
  const udid = normaliseUdid(textField(dict, 'UDID'))
  const serial = normaliseSerial(textField(dict, 'SerialNumber'))
  const imei = normaliseImei(textField(dict, 'IMEI'))
  const meid = normaliseMeid(textField(dict, 'MEID'))
  return {
    ...(udid !== undefined && { udid }),
    ...(serial !== undefined && { serial }),
    ...(imei !== undefined && { imei: [imei] }),
    ...(meid !== undefined && { meid }),
  }
}

/** A token is 32 bytes today; Apple does not promise that. */
const [longestToken, longestMagic, longestUnlockToken] = [256, 256, 64 * 1024]

async function tokenUpdate({ name, dict, at }: CheckIn, deps: MdmDependencies): Promise<MdmAnswer> {
  const topic = topicOf(dict, deps)
  if (topic === undefined) return refusal(400, 'topic.wrong', { enrollment: name.id })
  const [token, magic, unlockToken] = [
    dataField(dict, 'Token'),
    textField(dict, 'PushMagic'),
    dataField(dict, 'UnlockToken'),
  ]
  if (token === undefined || token.length === 0 || token.length > longestToken)
    return refusal(400, 'token.malformed', { enrollment: name.id })
  if (magic === undefined || magic.length > longestMagic)
    return refusal(400, 'token.malformed', { enrollment: name.id })
  if ((unlockToken?.length ?? 0) > longestUnlockToken)
    return refusal(400, 'token.malformed', { enrollment: name.id })
  const { enrollments } = deps.record
  const outcome = await enrollments.takeToken({
    id: name.id,
    ...(name.id !== name.device && {
      channel: { kind: name.kind, parent: name.device, user: name.channelUser },
    }),
    ...{ token, magic, topic, at },
    ...(unlockToken !== undefined && unlockToken.length > 0 && { unlockToken }),
    awaitingConfiguration: booleanField(dict, 'AwaitingConfiguration') ?? false,
  })
  if (outcome === 'unknown') return refusal(400, 'enrollment.unknown', { enrollment: name.id })
  if (outcome === 'full') return refusal(403, 'channels.full', { enrollment: name.id })
  if (outcome === 'enrolled') await tellEnrolled(name.id, deps)
  return empty({ outcome: outcome === 'enrolled' ? 'enrolled' : 'token-update', enrollment: name.id })
}

/** The device is enrolled whatever becomes of this. */
async function tellEnrolled(id: string, { record, events }: MdmDependencies): Promise<void> {
  try {
    const enrollment = await record.enrollments.get(id)
    if (enrollment !== undefined) await events?.enrolled?.(enrollment)
  } catch (error) {
    events?.failed(error)
  }
}

/** The device has removed its management: trust ends on the spot, in one transaction. It says so once and does not try again. */
export async function leaveNow(
  name: EnrollmentName,
  enrollment: Enrollment,
  { deps, at }: { readonly deps: MdmDependencies; readonly at: number },
): Promise<MdmAnswer> {
  const by = { name: 'enrollment', why: 'the device has removed its management', at }
  const ended = await deps.record.enrollments.end(name.id, 'gone', by)
  return empty({ outcome: 'check-out', enrollment: ended?.enrollment.id ?? enrollment.id, level: 'warn' })
}

async function setBootstrapToken({ name, dict }: CheckIn, deps: MdmDependencies): Promise<MdmAnswer> {
  const token = dataField(dict, 'BootstrapToken')
  if ((token?.length ?? 0) > longestUnlockToken)
    return refusal(400, 'token.malformed', { enrollment: name.id })
  // Missing or empty: it is to be forgotten.
  await deps.record.enrollments.setBootstrapToken(name.device, token?.length === 0 ? undefined : token)
  return empty({ outcome: 'bootstrap-token', enrollment: name.id })
}

async function getBootstrapToken({ name }: CheckIn, deps: MdmDependencies): Promise<MdmAnswer> {
  const { bootstrapToken } = await deps.record.enrollments.secrets(name.device)
  const note = { outcome: 'bootstrap-token', enrollment: name.id }
  return bootstrapToken === undefined ? empty(note) : plist({ BootstrapToken: bootstrapToken }, note)
}
