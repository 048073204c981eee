import { X509Certificate } from 'node:crypto'
import type { PlistDict } from '../../src/lib/plist/values.ts'
import type { Management } from './management.ts'
import type { DeviceIdentity } from './messages.ts'
import { dictsIn } from './plist-values.ts'

export interface Command {
  readonly uuid: string
  readonly requestType: string
  readonly command: PlistDict
}

/** What a device answers: further keys of its report, `not-now`, or an error. */
export type CommandAnswer = PlistDict | 'not-now' | { readonly error: readonly DeviceError[] }

/** One of a chain; the last is the cause. */
export interface DeviceError {
  readonly code: number
  readonly domain: string
  readonly text: string
}

/** What the device says of itself. */
export interface AboutDevice {
  readonly udid: string
  readonly serial: string
  /** Hardware code; an iPhone when not given. */
  readonly product?: string
  readonly name?: string
  readonly supervised?: boolean
}

interface DeviceState {
  readonly about: AboutDevice
  readonly management: Management
  readonly identity: DeviceIdentity
  readonly profiles: ReadonlyMap<string, PlistDict>
}

const notForUserEnrollment = ['EraseDevice', 'ClearPasscode', 'RestartDevice', 'ShutDownDevice']

export function refusedByEnrollment(
  { requestType }: Command,
  { belongsToUser }: Management,
): CommandAnswer | undefined {
  return belongsToUser && notForUserEnrollment.includes(requestType)
    ? failed(12_021, 'MCMDMErrorDomain', `${requestType} is not valid for this enrollment.`)
    : undefined
}

/** The answer to a command that changes nothing of what the device knows of itself. */
export function answerTo({ requestType, command }: Command, device: DeviceState): CommandAnswer {
  const { udid, serial, product = 'iPhone15,2', name = 'iPhone', supervised } = device.about
  const { identity, profiles } = device
  const { belongsToUser } = device.management
  switch (requestType) {
    case 'DeviceInformation':
      return {
        QueryResponses: {
          ...(!belongsToUser && { UDID: udid, SerialNumber: serial }),
          ...{ ProductName: product, DeviceName: name },
          ...{ OSVersion: '18.1', BuildVersion: '22B83', IsSupervised: supervised === true },
          EASDeviceIdentifier: `EAS${serial}`,
        },
      }
    case 'SecurityInfo':
      return {
        SecurityInfo: {
          HardwareEncryptionCaps: 3,
          PasscodePresent: true,
          PasscodeCompliant: true,
          PasscodeCompliantWithProfiles: true,
        },
      }
    case 'ProfileList':
      return { ProfileList: [...profiles.values()].map(summary) }
    case 'CertificateList': {
      const { raw, subject } = new X509Certificate(identity.certificate)
      return { CertificateList: [{ CommonName: subject, IsIdentity: true, Data: raw }] }
    }
    case 'InstalledApplicationList':
      return {
        InstalledApplicationList: [{ Identifier: 'com.example.mail', Name: 'Mail', Version: '1.0' }],
      }
    case 'DeviceLock':
      return { MessageResult: 'Success' }
    case 'RestartDevice':
    case 'ShutDownDevice':
      return failed(12_021, 'MCMDMErrorDomain', 'Not a valid request type: the device is not supervised.')
    case 'Settings':
      return {
        Settings: dictsIn(command.Settings).map(({ Item }) => ({
          Status: 'Acknowledged',
          Item: Item ?? '',
        })),
      }
    case 'ClearPasscode':
    case 'InstallApplication':
    case 'RemoveApplication':
      return {}
    default:
      return failed(12_021, 'MCMDMErrorDomain', `${requestType} is not a valid request type.`)
  }
}

function summary(profile: PlistDict): PlistDict {
  const { PayloadIdentifier = '', PayloadUUID = '', PayloadDisplayName = '' } = profile
  return { PayloadIdentifier, PayloadUUID, PayloadDisplayName, PayloadVersion: 1, IsManaged: true }
}

export function failed(code: number, domain: string, text: string): CommandAnswer {
  return { error: [{ code, domain, text }] }
}
