import { type MdmVendor, type Variables, verified } from '../vendor.ts'

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the vendor writes its variables so
const variables: Variables = {
  device: [
    ['UDID', verified('${deviceUDID}')],
    ['SERIAL', verified('${deviceSN}')],
    ['IMEI', verified('${deviceIMEI}')],
  ],
  user: verified('${userUID}'),
  email: verified('${userEmailAddress}'),
}
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the vendor writes its variables so

/** Ivanti Neurons for MDM, formerly MobileIron Cloud. */
export const mobileironCloud: MdmVendor = {
  name: 'mobileiron-cloud',
  title: 'MobileIron Cloud (Ivanti Neurons for MDM)',
  variables: { ios: variables, android: { ...variables, device: variables.device.slice(1) } },
  markers: /[${}]/,
  where: {
    ios: 'Apps, App Catalog, the app, App Configurations, iOS Managed App Configuration',
    android: 'Apps, App Catalog, the app, App Configurations, Managed Configurations for Android',
  },
}
