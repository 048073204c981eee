import { z } from 'zod'
import { certificateFiles } from './gateway.ts'
import { isLoopback } from './management.ts'
import { count, duration, listenAddress, originUrl, refuse, said, timer } from './values.ts'
import { vendorSchema } from './vendors/table.ts'

const shareSentence = 'must be a share such as 10% or 2.5%'

/** @returns 0 to 1 */
function share(): z.ZodType<number, string> {
  return z.codec(z.string({ error: said(shareSentence) }), z.custom<number>(), {
    decode(text, context) {
      const percent = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(text)?.[1]
      const value = Number(percent)
      return percent === undefined || value > 100 ? refuse(context, text, shareSentence) : value / 100
    },
    encode: (value) => `${Math.round(value * 100_000) / 1000}%`,
  })
}

const brake = z
  .strictObject({
    maxNewlyBlocked: share()
      .prefault('10%')
      .meta({
        description:
          'A poll that would newly block more than this share of the clients that the vendor vouches for is held until `gatehouse vendor confirm NAME`, or until the next polls say otherwise.',
        examples: ['10%'],
      }),
    atLeast: count()
      .prefault(20)
      .meta({ description: 'Fewer newly blocked clients than this are never held.' }),
  })
  .prefault({})
  .meta({
    description: 'The brake: a vendor’s fault must not shut everybody out before somebody has looked.',
  })

const webhooks = z
  .strictObject({
    listen: listenAddress().meta({
      description:
        'Where the MDM systems connect, at `/notify/NAME`. `http://` only on this machine, behind something that ends TLS: the vendors send their secrets.',
      examples: ['https://0.0.0.0:8446'],
    }),
    tls: z
      .strictObject(certificateFiles)
      .exactOptional()
      .meta({ description: 'The listener’s certificate. Read again when the files change.' }),
    publicUrl: originUrl()
      .exactOptional()
      .meta({
        description:
          'How the vendors reach this listener; `vendor list` shows the addresses to enter in their consoles.',
        examples: ['https://notify.example.com'],
      }),
    perMinute: count().prefault(600).meta({
      description: 'So many requests a minute are answered for one address, and for one vendor.',
    }),
  })
  .superRefine(({ listen, tls }, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    if (listen.scheme === 'https' && tls === undefined)
      refuse('tls', 'is missing: `listen` is https://, which needs `cert` and `key`')
    if (listen.scheme === 'http' && tls !== undefined) refuse('tls', 'is never used: `listen` is http://')
    if (listen.scheme === 'http' && !isLoopback(listen.host))
      refuse('listen', 'must be https://, or on this machine: the vendors send their secrets')
  })
  .exactOptional()
  .meta({
    description:
      'The listener for notifications of MDM systems, apart from those of users and operators: see [compliance.md](../compliance.md). Left out: none are taken.',
  })

export const complianceSection = z
  .strictObject({
    interval: timer().prefault('5m').meta({
      description:
        'From the beginning of one sweep through a vendor’s whole fleet to the next, give or take a tenth.',
    }),
    askAgain: timer().prefault('30s').meta({
      description:
        'How often devices that are out of compliance are asked for again, where the vendor can be asked for one device or for what has changed: who has mended the phone is back this soon.',
    }),
    brake,
    smallestSweep: share().prefault('50%').meta({
      description:
        'A sweep that finds fewer than this share of the devices that are known is taken for the vendor’s fault, and nobody is gone by it. `gatehouse vendor confirm NAME` says that it is right.',
    }),
    maxSilence: duration()
      .exactOptional()
      .meta({
        description:
          'A device that its MDM has not heard of for longer than this is out of compliance. Left out: it is not for that reason alone.',
        examples: ['14d'],
      }),
    grace: z.enum(['allow', 'refuse']).prefault('allow').meta({
      description:
        'A device that the vendor gives a grace period: does it connect until that ends? Its user is shown the date.',
    }),
    surplus: z.enum(['refuse', 'approve', 'allow']).prefault('refuse').meta({
      description:
        'A user who has registered more clients of a type than the MDM knows devices of that type: the newest that nothing proves are refused, wait for `gatehouse device approve`, or are let in.',
    }),
    whenGone: z.enum(['keep', 'block', 'forget']).prefault('keep').meta({
      description:
        'A device that was wiped, retired or deleted: its registrations stay and are unmanaged, are blocked until somebody unblocks them, or are forgotten, so that the device has to register again.',
    }),
    aliases: z
      .record(z.string().min(1), z.array(z.string().min(1)))
      .prefault({})
      .meta({
        description:
          'Other names of the same person, where sign-in name and the MDM’s names have nothing in common. Case does not matter.',
        examples: [{ alice: ['a.smith@example.com'] }],
      }),
    webhooks,
    vendors: z.array(vendorSchema).prefault([]).meta({
      description:
        'The MDM systems to ask; the keys of each: [vendors.md](vendors.md). Without any, every posture stays unknown.',
    }),
  })
  .prefault({})
  .meta({ description: 'What MDM systems say of devices: see [compliance.md](../compliance.md).' })

export type WrittenCompliance = z.output<typeof complianceSection>
