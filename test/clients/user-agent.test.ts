import t from 'tap'
import { createUserAgentReader, describeUserAgent } from '../../src/clients/user-agent.ts'
import { aHead } from './helpers/given.ts'

const mozilla = 'Mozilla/5.0'
const cases: Readonly<Record<string, object>> = {
  [`${mozilla} (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1`]:
    { platform: 'ios', osVersion: '17.5.1' },
  [`${mozilla} (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1`]:
    { platform: 'ios', osVersion: undefined },
  [`${mozilla} (iPad; CPU OS 16_2 like Mac OS X) AppleWebKit/605.1.15`]: {
    platform: 'ipados',
    osVersion: '16.2',
  },
  [`${mozilla} (Linux; Android 10; K) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36`]: {
    platform: 'android',
    osVersion: undefined,
    model: undefined,
  },
  [`${mozilla} (Linux; Android 14; Pixel 8 Build/UQ1A) AppleWebKit/537.36`]: {
    platform: 'android',
    osVersion: '14',
    model: 'Pixel 8',
  },
  [`${mozilla} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36`]: {
    platform: 'macos',
    osVersion: undefined,
  },
  [`${mozilla} (Windows NT 10.0; Win64; x64) AppleWebKit/537.36`]: {
    platform: 'windows',
    osVersion: undefined,
  },
  [`${mozilla} (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36`]: {
    platform: 'chromeos',
    osVersion: undefined,
  },
  [`${mozilla} (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0`]: { platform: 'linux' },
  'Apple-iPhone14C5/2102.86': { platform: 'ios', model: 'iPhone14,5', osVersion: undefined },
  'Element X/1.5.0 (iPhone 14; iOS 17.5; Scale/3.00)': { platform: 'ios', osVersion: '17.5' },
  'curl/8.5.0': { platform: 'other' },
}

t.test('the User-Agent says the platform, and a version only where it is not frozen', async (t) => {
  for (const [userAgent, expected] of Object.entries(cases)) {
    const { platform, osVersion, model } = describeUserAgent(userAgent)
    t.match({ platform, osVersion, model }, expected, userAgent)
  }
})

t.test('client hints say more where a browser sends them', async (t) => {
  const read = createUserAgentReader()
  const hints = (platform: string, version: string, model = '""') =>
    read(
      aHead({
        headers: [
          ['User-Agent', `${mozilla} (Linux; Android 10; K)`],
          ['Sec-CH-UA-Platform', platform],
          ['Sec-CH-UA-Platform-Version', version],
          ['Sec-CH-UA-Model', model],
        ],
      }),
    )
  t.match(hints('"Android"', '"14.0.0"', '"Pixel 8"'), {
    platform: 'android',
    osVersion: '14',
    model: 'Pixel 8',
  })
  t.match(hints('"Windows"', '"15.0.0"'), { platform: 'windows', osVersion: '11' })
  t.match(hints('"Windows"', '"10.0.0"'), { platform: 'windows', osVersion: '10' })
  t.match(hints('"Windows"', '"0.3.0"'), { platform: 'windows', osVersion: undefined })
  t.match(hints('nonsense', '"14"'), { platform: 'android', osVersion: undefined })
  t.strictSame(read(aHead()), {})
})

t.test('a hostile User-Agent costs no more than any other', async (t) => {
  const read = createUserAgentReader()
  const hostile = `Android ${'1.'.repeat(30_000)}`
  t.ok((read(aHead({ headers: [['User-Agent', hostile]] })).userAgent ?? '').length <= 256)
})
