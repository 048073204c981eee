import type { DeviceIds } from '../../domain/device-ids.ts'
import type { EnrolledDevice } from '../../domain/enrollment.ts'
import {
  normaliseEasId,
  normaliseImei,
  normaliseMeid,
  normaliseSerial,
  normaliseUdid,
} from '../../lib/device-id.ts'
import { arrayField, dictField, textField } from '../../lib/plist/fields.ts'
import { isPlistDict, type PlistDict } from '../../lib/plist/values.ts'
import { platformOf } from '../mdm/platform.ts'
import type { DeviceCommand } from './command.ts'
import { dictToJson } from './to-json.ts'

/** What is asked when nothing else is said: identity, system, state; what a device does not have or grant it leaves out. */
const usualQueries = [
  ...['UDID', 'SerialNumber', 'DeviceName', 'Model', 'ModelName', 'ModelNumber', 'ProductName'],
  ...[
    'EASDeviceIdentifier',
    'IsSupervised',
    'IsMultiUser',
    'AwaitingConfiguration',
    'OSVersion',
    'BuildVersion',
  ],
  ...['SupplementalOSVersionExtra', 'SupplementalBuildVersion', 'TimeZone', 'BatteryLevel', 'DeviceCapacity'],
  ...[
    'AvailableDeviceCapacity',
    'IsDeviceLocatorServiceEnabled',
    'IsActivationLockEnabled',
    'IsMDMLostModeEnabled',
  ],
  ...[
    'IsCloudBackupEnabled',
    'LastCloudBackupDate',
    'IsRoaming',
    'WiFiMAC',
    'BluetoothMAC',
    'ServiceSubscriptions',
  ],
  ...[
    'IMEI',
    'MEID',
    'HostName',
    'IsAppleSilicon',
    'SystemIntegrityProtectionEnabled',
    'PINRequiredForDeviceLock',
  ],
] as const

export const deviceInformation: DeviceCommand = {
  name: 'DeviceInformation',
  summary: 'Ask the device about itself: names, numbers, system, state.',
  right: 'device-information',
  keys: {
    Queries: {
      type: 'strings',
      required: true,
      description: 'what to ask, in Apple’s words; the usual things when not given',
    },
    DeviceAttestationNonce: {
      type: 'data',
      description: 'at most 32 bytes, for DevicePropertiesAttestation',
    },
  },
  defaults: { Queries: usualQueries },
  neverDeferred: true,
  read(answer) {
    const values = dictField(answer, 'QueryResponses')
    if (values === undefined) return undefined
    return {
      part: 'device-information',
      values: dictToJson(values),
      learnt: { ids: idsOf(values), device: deviceOf(values) },
    }
  },
}

function idsOf(values: PlistDict): DeviceIds {
  const text = (name: string) => textField(values, name)
  const udid = normaliseUdid(text('UDID'))
  const serial = normaliseSerial(text('SerialNumber'))
  const meid = normaliseMeid(text('MEID'))
  const eas = normaliseEasId(text('EASDeviceIdentifier'))
  const imei = imeisOf(values)
  return {
    ...(udid !== undefined && { udid }),
    ...(serial !== undefined && { serial }),
    ...(imei.length > 0 && { imei }),
    ...(meid !== undefined && { meid }),
    ...(eas !== undefined && { easDeviceId: [eas] }),
  }
}

const mostSims = 8

/** One for each SIM; the key of its own is what older systems have. */
function imeisOf(values: PlistDict): readonly string[] {
  const subscriptions = (arrayField(values, 'ServiceSubscriptions') ?? [])
    .filter(isPlistDict)
    .slice(0, mostSims)
  const written = [...subscriptions.map((one) => textField(one, 'IMEI')), textField(values, 'IMEI')]
  return [...new Set(written.flatMap((one) => normaliseImei(one) ?? []))]
}

const longestName = 256

function deviceOf(values: PlistDict): EnrolledDevice {
  const text = (name: string) => textField(values, name)?.slice(0, longestName)
  const [serial, name, productName] = [text('SerialNumber'), text('DeviceName'), text('ProductName')]
  const [model, osVersion, buildVersion] = [text('ModelName'), text('OSVersion'), text('BuildVersion')]
  const platform = platformOf(productName, model)
  return {
    ...(serial !== undefined && { serial }),
    ...(name !== undefined && { name }),
    ...(productName !== undefined && { productName }),
    ...(model !== undefined && { model }),
    ...(osVersion !== undefined && { osVersion }),
    ...(buildVersion !== undefined && { buildVersion }),
    ...(platform !== undefined && { platform }),
  }
}
