import { type MdmVendor, toCheck, type Variables } from '../vendor.ts'

const variables: Variables = {
  device: [
    ['UDID', toCheck('$DEVICE_UDID$')],
    ['SERIAL', toCheck('$DEVICE_SN$')],
    ['IMEI', toCheck('$DEVICE_IMEI$')],
  ],
  user: toCheck('$USERID$'),
  email: toCheck('$EMAIL$'),
}

/** Ivanti EPMM, formerly MobileIron Core. */
export const mobileironCore: MdmVendor = {
  name: 'mobileiron-core',
  title: 'MobileIron Core (Ivanti EPMM)',
  variables: { ios: variables, android: variables },
  markers: /\$/,
  where: {
    ios: 'Apps, App Catalog, the app, Managed App Configuration; or Policies & Configs, Managed App Config',
    android: 'Apps, App Catalog, the app, Configurations',
  },
  notes: ['The admin portal lists its variables beside the form: compare them.'],
}
