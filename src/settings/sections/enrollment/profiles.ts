import { z } from 'zod'
import { count, duration, path } from '../values.ts'

export const profilesKey = z
  .strictObject({
    files: z
      .array(path())
      .prefault([])
      .meta({
        description:
          'Profiles: YAML files, and folders of which every `.yaml` is one. Read again when they change; with a mistake in one, all stay as they were.',
        examples: [['profiles']],
      }),
    pace: count().prefault(600).meta({
      description:
        'Profiles a minute that are sent or removed, in all: a change for ten thousand devices goes out over a quarter of an hour.',
    }),
    check: duration().prefault('12h').meta({
      description: 'How often each device is asked which profiles it has. What is missing is sent again.',
    }),
  })
  .prefault({})
  .meta({
    description: 'What enrolled devices are set up with: see [profiles.md](../profiles.md).',
  })

export type WrittenProfiles = z.output<typeof profilesKey>
