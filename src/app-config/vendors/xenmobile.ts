import { type MdmVendor, toCheck, type Variables, verified } from '../vendor.ts'

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the vendor writes its variables so
const variables: Variables = {
  device: [
    ['SERIAL', verified('${device.serialNumber}')],
    ['UDID', toCheck('${device.UDID}')],
    ['IMEI', toCheck('${device.imei}')],
  ],
  user: verified('${user.username}'),
  email: verified('${user.mail}'),
}
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the vendor writes its variables so

/** Citrix Endpoint Management, formerly XenMobile. */
export const xenmobile: MdmVendor = {
  name: 'xenmobile',
  title: 'Citrix Endpoint Management (XenMobile)',
  variables: { ios: variables, android: variables },
  markers: /[${}]/,
  where: {
    ios: 'Configure, Device Policies, App Configuration, Dictionary content',
    android: 'Configure, Device Policies, Managed Configurations',
  },
}
