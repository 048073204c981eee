import { z } from 'zod'
import { pointer } from './pointer.ts'

export type GenericPaging =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'page' | 'offset'
      readonly parameter: string
      readonly first: number
      readonly sizeParameter?: string
      readonly size: number
    }
  | { readonly kind: 'nextLink'; readonly pointer: string }
  | { readonly kind: 'cursor'; readonly pointer: string; readonly parameter: string }

const parameter = (example: string) =>
  z
    .string()
    .regex(/^[^\s=&?#]{1,64}$/, 'must be the name of a query parameter')
    .meta({ description: 'The query parameter.', examples: [example] })

const size = {
  sizeParameter: parameter('limit')
    .exactOptional()
    .meta({ description: 'The query parameter that asks for the size of a page, where there is one.' }),
  size: z.int().min(1).max(10_000).prefault(100).meta({
    description: 'Devices a page: the list is at its end when one has fewer, or the total is reached.',
  }),
}

const ways = {
  page: z
    .strictObject({
      parameter: parameter('page'),
      first: z.int().min(0).max(1).meta({ description: 'The number of the first page: 0 or 1.' }),
      ...size,
    })
    .exactOptional()
    .meta({ description: 'Pages are numbered.' }),
  offset: z
    .strictObject({ parameter: parameter('offset'), ...size })
    .exactOptional()
    .meta({ description: 'Devices are numbered from 0.' }),
  nextLink: pointer().exactOptional().meta({
    description:
      'The JSON pointer to the address of the next page; on the same server, absent or null on the last one.',
  }),
  cursor: z
    .strictObject({ pointer: pointer(), parameter: parameter('cursor') })
    .exactOptional()
    .meta({
      description:
        'An answer holds a text that asks for the next page; absent, null or empty on the last one.',
    }),
}

const sentence = `must be none, or exactly one of ${Object.keys(ways).join(', ')}, such as { nextLink: /links/next }`
const written = z
  .strictObject(ways)
  .refine((way) => Object.values(way).filter((each) => each !== undefined).length === 1, sentence)
type Written = z.output<typeof written>

export const genericPaging = z.codec(
  z.union([z.literal('none'), written], { error: sentence }),
  z.custom<GenericPaging>(),
  {
    decode: (way) => (way === 'none' ? { kind: 'none' as const } : decoded(way)),
    encode: encoded,
  },
)

function decoded({ page, offset, nextLink, cursor }: Written): GenericPaging {
  if (page !== undefined) return { kind: 'page', ...page }
  if (offset !== undefined) return { kind: 'offset', first: 0, ...offset }
  if (cursor !== undefined) return { kind: 'cursor', ...cursor }
  return { kind: 'nextLink', pointer: nextLink ?? '' }
}

function encoded(paging: GenericPaging): 'none' | Written {
  switch (paging.kind) {
    case 'none':
      return 'none'
    case 'nextLink':
      return { nextLink: paging.pointer }
    case 'cursor':
      return { cursor: { pointer: paging.pointer, parameter: paging.parameter } }
    case 'page': {
      const { kind, ...page } = paging
      return { page }
    }
    case 'offset': {
      const { kind, first, ...offset } = paging
      return { offset }
    }
  }
}
