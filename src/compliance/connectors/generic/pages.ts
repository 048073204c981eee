import { atJsonPointer, parseJsonPointer } from '../../../lib/json-pointer.ts'
import type { GenericVendorSettings } from '../../../settings/sections/vendors/generic.ts'
import { VendorError } from '../connector.ts'
import { NextPages } from '../parts/next-pages.ts'
import { listAt } from '../parts/page.ts'
import { textOf } from '../parts/record.ts'

export interface GenericPage {
  readonly records: readonly unknown[]
  readonly total: number | undefined
}

type Query = Readonly<Record<string, string>>

/**
 * The pages of a list, one after the other.
 * @param fetch the JSON at an address
 * @throws VendorError
 */
export async function* genericPages(
  settings: GenericVendorSettings,
  query: Query,
  fetch: (url: URL) => Promise<unknown>,
): AsyncGenerator<GenericPage> {
  const list = parseJsonPointer(settings.list)
  const total = settings.total === undefined ? undefined : parseJsonPointer(settings.total)
  const turn = turner(settings, query)
  let listed = 0
  for (let url: URL | undefined = turn.first; url !== undefined; ) {
    const body = await fetch(url)
    const records = listAt(atJsonPointer(body, list), settings.list)
    const page = { records, total: total && wholeNumber(atJsonPointer(body, total)) }
    listed += records.length
    yield page
    url = turn.next({ url, body, page, listed })
  }
}

interface Turn {
  readonly first: URL
  next(read: Read): URL | undefined
}

interface Read {
  readonly url: URL
  readonly body: unknown
  readonly page: GenericPage
  /** Records of all pages so far. */
  readonly listed: number
}

function turner({ url, paging }: GenericVendorSettings, query: Query): Turn {
  const base = withParameters(url, query)
  switch (paging.kind) {
    case 'none':
      return { first: base, next: () => undefined }
    case 'nextLink':
      return linked(base, paging.pointer, (link, { url }) => addressOf(link, url))
    case 'cursor': {
      const { pointer, parameter } = paging
      return linked(base, pointer, (cursor) => withParameters(base, { [parameter]: cursor }))
    }
    default:
      return counted(base, paging)
  }
}

function linked(first: URL, pointer: string, follow: (text: string, read: Read) => URL): Turn {
  const path = parseJsonPointer(pointer)
  const pages = new NextPages()
  return {
    first,
    next(read) {
      const next = nextOf(read.body, path)
      if (next === undefined) return undefined
      pages.check(next, read.page.records.length)
      return follow(next, read)
    },
  }
}

/** One that is there and no text is a broken page, and must not end the sweep as if it were the last. */
function nextOf(body: unknown, path: readonly string[]): string | undefined {
  const holder = atJsonPointer(body, path.slice(0, -1))
  const name = path.at(-1) ?? ''
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, name)) return undefined
  const value = atJsonPointer(holder, [name])
  if (value === null || value === '' || value === false) return undefined
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return value
  throw new VendorError('protocol', 'the next page’s address or cursor is no text')
}

/** The HTTP client refuses other servers' addresses. */
function addressOf(link: string, from: URL): URL {
  if (URL.canParse(link, from.href)) return new URL(link, from)
  throw new VendorError('protocol', 'the vendor named a next address that is none')
}

type Counted = Extract<GenericVendorSettings['paging'], { kind: 'page' | 'offset' }>

function counted(base: URL, { kind, parameter, first, sizeParameter, size }: Counted): Turn {
  const sized = sizeParameter === undefined ? base : withParameters(base, { [sizeParameter]: String(size) })
  let page = first
  return {
    first: withParameters(sized, { [parameter]: String(first) }),
    next({ page: { records, total }, listed }) {
      if (records.length === 0) return undefined
      // Some servers allow fewer than they are asked for: the total is believed more than a short page.
      if (total === undefined ? records.length < size : listed >= total) return undefined
      page++
      return withParameters(sized, { [parameter]: String(kind === 'page' ? page : listed) })
    },
  }
}

function withParameters(url: URL, parameters: Query): URL {
  const changed = new URL(url)
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value)
  return changed
}

function wholeNumber(value: unknown): number | undefined {
  const text = textOf(value)
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined
}
