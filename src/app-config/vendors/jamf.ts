import { type MdmVendor, toCheck, type Variables, verified } from '../vendor.ts'

const variables: Variables = {
  device: [
    ['UDID', verified('$UDID')],
    ['SERIAL', verified('$SERIALNUMBER')],
    ['IMEI', toCheck('$IMEI')],
  ],
  user: verified('$USERNAME'),
  email: verified('$EMAIL'),
}

/** Jamf Pro. */
export const jamf: MdmVendor = {
  name: 'jamf',
  title: 'Jamf Pro',
  variables: { ios: variables, android: variables },
  bareDict: true,
  markers: /\$/,
  where: {
    ios: 'Devices, Mobile Device Apps, the app, App Configuration, Preferences',
    android: 'nowhere: Jamf Pro manages Apple devices; the file is for another MDM',
  },
}
