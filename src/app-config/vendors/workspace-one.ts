import { type MdmVendor, toCheck, type Variables, verified } from '../vendor.ts'

const ios: Variables = {
  device: [
    ['UDID', verified('{DeviceUid}')],
    ['SERIAL', verified('{DeviceSerialNumber}')],
    ['IMEI', toCheck('{DeviceIMEI}')],
  ],
  user: verified('{EnrollmentUser}'),
  email: verified('{EmailAddress}'),
}

/** In custom settings XML the braces are doubled. */
const android: Variables = {
  device: [
    ['UDID', toCheck('{{DeviceUid}}')],
    ['SERIAL', verified('{{DeviceSerialNumber}}')],
    ['IMEI', toCheck('{{DeviceIMEI}}')],
  ],
  user: verified('{{EnrollmentUser}}'),
  email: toCheck('{{EmailAddress}}'),
}

/** Omnissa Workspace ONE UEM, formerly VMware AirWatch. */
export const workspaceOne: MdmVendor = {
  name: 'workspace-one',
  title: 'Workspace ONE UEM (AirWatch)',
  variables: { ios, android },
  androidXml: 'characteristic',
  markers: /[{}]/,
  where: {
    ios: 'the app’s assignment, Application Configuration, Upload XML',
    android: 'the Android profile, Custom Settings',
  },
  notes: [
    '`{EnrollmentUser}` must be the name that users sign in with; `{UserPrincipalName}` is another one.',
  ],
}
