import { type MdmVendor, toCheck, verified } from '../vendor.ts'

const user = verified('{{userprincipalname}}')
const email = verified('{{mail}}')

/** Microsoft Intune. */
export const intune: MdmVendor = {
  name: 'intune',
  title: 'Microsoft Intune',
  variables: {
    ios: {
      device: [
        ['SERIAL', verified('{{serialnumber}}')],
        ['ENTRA', verified('{{aaddeviceid}}')],
      ],
      user,
      email,
    },
    android: {
      device: [
        ['ENTRA', verified('{{aaddeviceid}}')],
        ['SERIAL', toCheck('{{serialnumber}}')],
      ],
      user,
      email,
    },
  },
  bareDict: true,
  markers: /[{}]/,
  where: {
    ios: 'Apps, App configuration policies, Managed devices, Enter XML data',
    android: 'Apps, App configuration policies, Managed devices, Enter JSON data',
  },
  notes: [
    'Intune has no variable for the whole UDID or the IMEI.',
    '`{{username}}` is the display name there; the user principal name is used.',
  ],
}
