import { type MdmVendor, toCheck, type Variables, verified } from '../vendor.ts'

const variables: Variables = {
  device: [
    ['IMEI', verified('%imei%')],
    ['SERIAL', toCheck('%serialnumber%')],
    ['UDID', toCheck('%udid%')],
  ],
  user: verified('%username%'),
  email: verified('%email%'),
}

/** IBM MaaS360. */
export const maas360: MdmVendor = {
  name: 'maas360',
  title: 'IBM MaaS360',
  variables: { ios: variables, android: variables },
  markers: /%/,
  where: {
    ios: 'Apps, Catalog, the app, App Configurations, Upload',
    android: 'Apps, Catalog, the app, App Configurations',
  },
  notes: [
    'Tablets without a SIM have no IMEI: try `%serialnumber%` on one of yours, then `--device-id SERIAL`.',
    '`%deviceid%` is MaaS360’s own number (CSN), which Gatehouse does not match devices by.',
  ],
}
