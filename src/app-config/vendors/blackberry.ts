import { type MdmVendor, toCheck, type Variables, verified } from '../vendor.ts'

const android: Variables = {
  device: [
    ['SERIAL', toCheck('%SerialNumber%')],
    ['IMEI', toCheck('%DeviceIMEI%')],
  ],
  user: toCheck('%UserName%'),
  email: verified('%UserEmailAddress%'),
}

/** BlackBerry UEM. */
export const blackberry: MdmVendor = {
  name: 'blackberry',
  title: 'BlackBerry UEM',
  variables: { ios: { ...android, device: [['UDID', toCheck('%IOSUDID%')], ...android.device] }, android },
  markers: /%/,
  where: {
    ios: 'Apps, the app, App configuration, Upload XML template',
    android: 'Apps, the app, App configuration',
  },
}
