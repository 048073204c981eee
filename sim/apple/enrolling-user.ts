/** The user's part, in the phone's browser: signs in with a one-time code, agrees, and downloads the profile. */
import { type DeviceAnswer, type DeviceNetwork, deviceRequest } from './connection.ts'

const safari =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'

/** A page that is not the one that was expected, in its own words. */
export class PageRefused extends Error {}

/**
 * @param origin of the enrollment service
 * @throws PageRefused
 */
export async function downloadProfile(origin: string, code: string, network: DeviceNetwork): Promise<Buffer> {
  const browser = new Browser(origin, network)
  const signIn = await browser.get('/enroll')
  const consent = await browser.submit(signIn, '/enroll/code', { code })
  await browser.submit(consent, '/enroll/agree')
  const profile = await browser.get('/enroll/profile')
  return profile.body
}

class Browser {
  readonly #origin: string
  readonly #network: DeviceNetwork
  readonly #cookies = new Map<string, string>()

  constructor(origin: string, network: DeviceNetwork) {
    this.#origin = origin
    this.#network = network
  }

  get(path: string): Promise<DeviceAnswer> {
    return this.#ask('GET', path)
  }

  /** Fills in the form at `action` of this page and sends it. */
  submit(
    page: DeviceAnswer,
    action: string,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<DeviceAnswer> {
    const form = new RegExp(`<form[^>]*action="${action}">(.*?)</form>`, 's').exec(page.body.toString())?.[1]
    if (form === undefined) throw new PageRefused(`there is no form for ${action} at ${this.#origin}/enroll`)
    const hidden = [...form.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)]
    const values = hidden.map(([, name = '', value = '']): [string, string] => [name, value])
    return this.#ask('POST', action, new URLSearchParams([...values, ...Object.entries(fields)]))
  }

  async #ask(method: 'GET' | 'POST', path: string, form?: URLSearchParams): Promise<DeviceAnswer> {
    const headers = {
      accept: 'text/html,application/xhtml+xml',
      'user-agent': safari,
      cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
    }
    const url = new URL(path, this.#origin).href
    const body = form && { body: Buffer.from(form.toString()) }
    const answer = await deviceRequest(url, { method, headers, ...body }, this.#network)
    for (const cookie of answer.headers['set-cookie'] ?? []) this.#keep(cookie)
    const { location } = answer.headers
    if (answer.status === 303 && location !== undefined) return this.get(location)
    if (answer.status !== 200) throw new PageRefused(`${answer.status} ${wordsOf(answer)}`)
    return answer
  }

  #keep(cookie: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
    if (value === '') this.#cookies.delete(name)
    else this.#cookies.set(name, value)
  }
}

/** What the page says in its alert, or in its heading and first paragraph. */
function wordsOf({ body }: DeviceAnswer): string {
  const page = body.toString()
  const found = /role="alert"[^>]*>(.*?)<\/div>/s.exec(page) ?? /<h1>(.*?)<\/p>/s.exec(page)
  const words = (found?.[1] ?? page.slice(0, 200)).replaceAll(/<[^>]*>/g, ' ')
  return words
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ (?=[.,])/g, '')
    .trim()
}
