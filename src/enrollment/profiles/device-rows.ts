import type { DeviceProfile, DeviceProfiles } from '../../store/profile-ports.ts'

/** What the record knows of one device's profiles, as of each change that is made to it. */
export class DeviceRows {
  readonly #record: Pick<DeviceProfiles, 'put' | 'forget'>
  readonly #enrollment: string
  readonly #rows: Map<string, DeviceProfile>

  constructor(
    record: Pick<DeviceProfiles, 'put' | 'forget'>,
    enrollment: string,
    rows: readonly DeviceProfile[],
  ) {
    this.#record = record
    this.#enrollment = enrollment
    this.#rows = new Map(rows.map((row) => [row.identifier, row]))
  }

  get all(): readonly DeviceProfile[] {
    return [...this.#rows.values()]
  }

  get(identifier: string): DeviceProfile | undefined {
    return this.#rows.get(identifier)
  }

  async put(rows: readonly DeviceProfile[]): Promise<void> {
    if (rows.length === 0) return
    await this.#record.put(rows)
    for (const row of rows) this.#rows.set(row.identifier, row)
  }

  async forget(identifiers: readonly string[]): Promise<void> {
    if (identifiers.length === 0) return
    await this.#record.forget(this.#enrollment, identifiers)
    for (const identifier of identifiers) this.#rows.delete(identifier)
  }
}
