import type { DeviceDescription } from '../domain/client-identity.ts'
import type { DeviceState } from '../domain/registration.ts'
import type { Approval } from '../store/ports.ts'
import { facts, localTime, table } from './output.ts'

/** Devices as the commands print them. */

export function deviceTable(states: readonly DeviceState[]): string {
  return table(
    ['id', 'user', 'service', 'device', 'binding', 'posture', 'state', 'registered'],
    states.map(({ registration, posture, block }) => [
      registration.id,
      registration.user,
      registration.service,
      deviceName(registration.device),
      registration.binding,
      posture.state,
      block === undefined ? 'active' : 'blocked',
      localTime(registration.registeredAt),
    ]),
  )
}

export function approvalTable(approvals: readonly Approval[]): string {
  return table(
    ['id', 'user', 'service', 'device', 'from', 'rule', 'state', 'since'],
    approvals.map(({ id, user, service, device, source, rule, status, at }) => [
      id,
      user,
      service,
      deviceName(device),
      source,
      rule,
      status,
      localTime(at),
    ]),
  )
}

export function deviceDetails({ registration, posture, block, version }: DeviceState): string {
  const { device } = registration
  return facts([
    ['id', registration.id],
    [
      'state',
      block === undefined ? 'active' : `blocked by ${block.by} at ${localTime(block.at)}: ${block.why}`,
    ],
    ['user', registration.user],
    ['service', registration.service],
    ['binding', registration.binding],
    ['registered', localTime(registration.registeredAt)],
    ['from', registration.source],
    ['networks', registration.networks.join(', ')],
    ['evidence', registration.evidence.join(', ')],
    ['rule', registration.rule],
    ...deviceFacts(device),
    ['posture', posture.state],
    ['match', posture.match],
    ['vendor', posture.vendor],
    ['also reported by', posture.reportedBy?.filter((name) => name !== posture.vendor).join(', ')],
    ['managed device', posture.device],
    ['grace until', posture.graceUntil === undefined ? undefined : localTime(posture.graceUntil)],
    ['surplus', posture.surplus],
    ['posture reason', posture.reason],
    ['posture checked', posture.checkedAt === undefined ? undefined : localTime(posture.checkedAt)],
    ['version', String(version)],
  ])
}

export function approvalDetails(approval: Approval): string {
  const { id, user, service, status, source, rule, at, decidedAt, decidedBy } = approval
  return facts([
    ['id', id],
    ['state', status],
    ['user', user],
    ['service', service],
    ['waiting since', localTime(at)],
    ['from', source],
    ['rule', rule],
    ...deviceFacts(approval.device),
    ['decided', decidedAt === undefined ? undefined : `${localTime(decidedAt)} by ${decidedBy}`],
  ])
}

/** Every field is what the client says of itself. */
function deviceFacts(device: DeviceDescription): (readonly [string, string | undefined])[] {
  return [
    ['type (claimed)', device.type],
    ['platform (claimed)', device.platform],
    ['model (claimed)', device.model],
    ['OS version (claimed)', device.osVersion],
    ['id (claimed)', device.claimedId],
    ['User-Agent (claimed)', device.userAgent],
  ]
}

function deviceName({ model, type, platform, osVersion, claimedId }: DeviceDescription): string | undefined {
  const name = [model ?? type ?? platform, osVersion].filter((part) => part !== undefined).join(' ')
  return name === '' ? claimedId : name
}
