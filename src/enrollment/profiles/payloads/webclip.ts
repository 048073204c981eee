import { file, flag, text, webAddress } from './fields.ts'
import type { PayloadDefinition } from './payload.ts'

const png = Buffer.from('89504e470d0a1a0a', 'hex')

export const webclip: PayloadDefinition = {
  name: 'webclip',
  type: 'com.apple.webClip.managed',
  title: 'Web clip',
  systems: { ios: '4.0', macos: '10.7' },
  macosUserChannel: true,
  fields: {
    label: text('Label', 'The name under the icon.', { required: true, example: 'Service desk' }),
    url: webAddress('URL', 'What it opens.', {
      required: true,
      example: 'https://help.example.com/?user=%user%',
    }),
    icon: file('Icon', 'A PNG file, square, of at most 1 MiB.', (bytes, reading) => {
      if (bytes.length > 1024 * 1024) reading.mistake('the icon is larger than 1 MiB')
      if (!bytes.subarray(0, 8).equals(png)) reading.mistake('the icon is not a PNG file')
      return bytes
    }),
    removable: flag('IsRemovable', 'Users can remove it.'),
    fullScreen: flag('FullScreen', 'It opens without the browser’s bars.'),
    precomposed: flag('Precomposed', 'The icon is shown without effects.'),
    app: text('TargetApplicationBundleIdentifier', 'The bundle id of the browser that opens it.'),
  },
  facts: {
    IsRemovable: { macos: 'n/a' },
    FullScreen: { macos: 'n/a' },
    Precomposed: { macos: 'n/a' },
    TargetApplicationBundleIdentifier: { ios: '14.0', macos: 'n/a' },
  },
}
