import { type MdmVendor, toCheck, type Variables } from '../vendor.ts'

const variables: Variables = {
  device: [
    ['UDID', toCheck('VARIABLE-FOR-UDID')],
    ['SERIAL', toCheck('VARIABLE-FOR-SERIAL')],
    ['IMEI', toCheck('VARIABLE-FOR-IMEI')],
  ],
  user: toCheck('VARIABLE-FOR-USER'),
  email: toCheck('VARIABLE-FOR-EMAIL'),
}

/** Any other MDM: its variables are put in by `--set` or the settings. */
export const generic: MdmVendor = {
  name: 'generic',
  title: 'Any other MDM',
  variables: { ios: variables, android: variables },
  markers: /[${}%]/,
  where: { ios: 'the app’s managed configuration', android: 'the app’s managed configurations' },
  notes: [
    'Give its variables with `--set deviceId=…`, `--set username=…` and `--set email=…`. SOTI MobiControl writes `%DEVICEIDENTIFIER%`, Sophos `%_DEVPROP(IMEI)_%`; Samsung Knox Manage puts a `$` and braces around them.',
  ],
}
