import { type MdmVendor, toCheck, type Variables, verified } from '../vendor.ts'

const variables: Variables = {
  device: [
    ['UDID', verified('{DeviceUid}')],
    ['SERIAL', verified('{DeviceSerialNumber}')],
    ['IMEI', toCheck('{DeviceIMEI}')],
  ],
  user: verified('{EnrollmentUser}'),
  email: verified('{EmailAddress}'),
}

/** Omnissa Workspace ONE UEM, formerly VMware AirWatch. */
export const workspaceOne: MdmVendor = {
  name: 'workspace-one',
  title: 'Workspace ONE UEM (AirWatch)',
  variables: { ios: variables, android: variables },
  androidXml: 'characteristic',
  markers: /[{}]/,
  where: {
    ios: 'the app’s assignment, Application Configuration, Upload XML',
    android:
      'xml: the Android profile, Custom Settings; json: the app’s assignment, Application Configuration',
  },
  notes: [
    'In custom settings (xml) the variables stand in double braces; there only `{{DeviceSerialNumber}}` is verified.',
    '`{EnrollmentUser}` must be the name that users sign in with; `{UserPrincipalName}` is another one.',
  ],
}
