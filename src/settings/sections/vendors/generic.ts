import { z } from 'zod'
import { platforms } from '../../../domain/client-identity.ts'
import { complianceStates, managementStates } from '../../../domain/managed-device.ts'
import { commonKeys, type VendorBuilder, type VendorCommon, vendorSection, vendorUrl } from './common.ts'
import { buildAuth, type GenericAuth, genericAuth } from './generic/auth.ts'
import { duplicateWord, type GenericFields, genericFields } from './generic/fields.ts'
import { type GenericPaging, genericPaging } from './generic/paging.ts'
import { pointer } from './generic/pointer.ts'

export interface GenericVendorSettings extends VendorCommon {
  readonly auth: GenericAuth
  readonly headers: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** JSON pointers, as they are written. */
  readonly list: string
  readonly total?: string
  readonly paging: GenericPaging
  readonly fields: GenericFields
  /** For each of our values, the vendor's words for it. */
  readonly values: {
    readonly compliance: Words<(typeof complianceStates)[number]>
    readonly management: Words<(typeof managementStates)[number]>
    readonly platform: Words<(typeof platforms)[number]>
    readonly compromised: Words<'yes' | 'no'>
  }
  readonly assume: {
    readonly management?: (typeof managementStates)[number]
    readonly platform?: (typeof platforms)[number]
  }
  readonly times: 'iso' | 'seconds' | 'milliseconds'
  readonly noncompliantQuery?: Readonly<Record<string, string>>
  readonly device?: { readonly url: string; readonly pointer: string }
}

export type Words<Value extends string> = { readonly [Each in Value]?: readonly string[] | undefined }

/** A word may be written as a number or as true and false, as the vendor's JSON has it. */
const word = z.codec(z.union([z.string().min(1).max(256), z.number(), z.boolean()]), z.string(), {
  decode: String,
  encode: (text) => text,
})

function words<Value extends string>(values: readonly Value[]) {
  return z
    .partialRecord(z.enum(values), z.array(word).min(1))
    .superRefine((written, context) => {
      const twice = duplicateWord(Object.values<readonly string[] | undefined>(written))
      if (twice !== undefined)
        context.addIssue({ code: 'custom', message: `gives \`${twice}\` two meanings` })
    })
    .prefault({})
}

const parameters = z.record(
  z.string().regex(/^[^\s=&?#]{1,64}$/, 'must be the name of a parameter'),
  z.string().max(1024),
)

const deviceUrlSentence =
  'must be an address of the same server with {id} in its path, such as https://mdm.example.com/devices/{id}'

const schema = z.strictObject({
  type: z.literal('generic'),
  ...commonKeys,
  url: vendorUrl().meta({
    description: 'Where the list of devices is, without query.',
    examples: ['https://mdm.example.com/api/devices'],
  }),
  query: parameters.prefault({}).meta({
    description: 'The query parameters of the list, beside those of paging.',
    examples: [{ view: 'full', sort: 'id' }],
  }),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/, 'must be the name of a header field'),
      z.string().regex(/^[\x20-\x7e]{0,1024}$/),
    )
    .prefault({})
    .meta({
      description: 'Further header fields of every request; secrets stand in `auth`.',
      examples: [{ accept: 'application/vnd.example.v2+json' }],
    }),
  auth: genericAuth.meta({
    description: 'How Gatehouse shows who it is.',
    examples: ['none', { bearer: { env: 'MDM_TOKEN' } }],
  }),
  list: pointer().meta({
    description:
      'The JSON pointer (RFC 6901) to the list of devices in an answer; empty when the answer is the list.',
    examples: ['/data/items'],
  }),
  total: pointer()
    .exactOptional()
    .meta({
      description:
        'The JSON pointer to how many devices there are in all: a sweep that finds far fewer is not believed.',
      examples: ['/data/total'],
    }),
  paging: genericPaging.meta({
    description: 'How the list goes on.',
    examples: ['none', { nextLink: '/links/next' }],
  }),
  fields: genericFields.meta({
    description:
      'Where a device’s values stand: JSON pointers within its record, or lists of them of which the first that holds something counts. What is not named here is unknown.',
  }),
  values: z
    .strictObject({
      compliance: words(complianceStates).meta({
        description: 'The words for each state of compliance, in any letter case. All others mean unknown.',
        examples: [{ compliant: ['ok'], noncompliant: ['violated', 'blocked'] }],
      }),
      management: words(managementStates).meta({
        description: 'The words for each state of the enrolment. All others mean unknown.',
        examples: [{ managed: ['enrolled'], leaving: ['wiping'], gone: ['retired'] }],
      }),
      platform: words(platforms).meta({
        description: 'The words for platforms, where they are not the usual names (iOS, iPadOS, Android, …).',
        examples: [{ ios: ['phone-a'], android: ['phone-g'] }],
      }),
      compromised: words(['yes', 'no'] as const).meta({
        description: 'The words for jailbroken and for not, where they are not true and false.',
        examples: [{ yes: ['rooted'], no: ['clean'] }],
      }),
    })
    .prefault({})
    .meta({ description: 'What the vendor’s words mean.' }),
  assume: z
    .strictObject({
      management: z.enum(managementStates).exactOptional().meta({
        description: 'For a system that lists enrolled devices only, and has no field for it: `managed`.',
      }),
      platform: z.enum(platforms).exactOptional().meta({ description: 'For a system of one platform.' }),
    })
    .prefault({})
    .meta({
      description: 'What holds for every device, where no field says it. Compliance is never assumed.',
    }),
  times: z.enum(['iso', 'seconds', 'milliseconds']).prefault('iso').meta({
    description: 'How times are written: ISO 8601, or since 1970 in seconds or milliseconds.',
  }),
  noncompliantQuery: parameters.exactOptional().meta({
    description:
      'The query parameters with which the list holds only devices out of compliance: they are asked for more often then.',
    examples: [{ view: 'full', state: 'violated' }],
  }),
  device: z
    .strictObject({
      url: z
        .string()
        .regex(/^https?:\/\/[^\s\\?#@{}]+\/[^\s\\?#{}]*\{id\}[^\s\\?#{}]*$/, deviceUrlSentence)
        .meta({
          description: 'Its address; `{id}` stands for the device’s id.',
          examples: ['https://mdm.example.com/api/devices/{id}'],
        }),
      pointer: pointer().prefault('').meta({ description: 'The JSON pointer to the device in the answer.' }),
    })
    .exactOptional()
    .meta({ description: 'Where one device can be asked for: a mended phone is back sooner then.' }),
})

export const generic = vendorSection({
  title: 'Another MDM, by a JSON list of devices',
  schema,
  build(settings, builder): GenericVendorSettings {
    const { type, auth, ca, proxy, ...written } = settings
    checkOrigin(written, builder)
    if (written.fields.compliance !== undefined && Object.keys(written.values.compliance).length === 0) {
      builder.mistake(
        'needs words for `compliant` and `noncompliant`, else every device is unknown',
        'values',
        'compliance',
      )
    }
    return { ...written, ...builder.common(settings), auth: buildAuth(auth, builder) }
  },
})

/** The credentials go to the server of `url` only. */
function checkOrigin(
  { url, device }: Pick<z.output<typeof schema>, 'url' | 'device'>,
  builder: VendorBuilder,
): void {
  if (device !== undefined && new URL(device.url.replace('{id}', 'id')).origin !== url.origin) {
    builder.mistake(`must be on ${url.origin}, as \`url\` is: the credentials go there`, 'device', 'url')
  }
}
