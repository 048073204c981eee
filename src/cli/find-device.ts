import type { DeviceState } from '../domain/registration.ts'
import type { Approval, Store } from '../store/ports.ts'
import { CommandFailed } from './errors.ts'

export type FoundDevice =
  | { readonly kind: 'registration'; readonly state: DeviceState }
  | { readonly kind: 'approval'; readonly approval: Approval }

/** A registered or waiting device by the id that lists and pages show. @throws CommandFailed when there is none */
export async function findDevice(store: Store, id: string): Promise<FoundDevice> {
  if (isApproval(id)) {
    const approval = (await store.approvals.list(undefined, everyApproval)).find((one) => one.id === id)
    if (approval !== undefined) return { kind: 'approval', approval }
  } else {
    const state = await store.registrations.get(id)
    if (state !== undefined) return { kind: 'registration', state }
  }
  throw noSuchDevice(id)
}

export function isApproval(id: string): boolean {
  return id.startsWith('a_')
}

export function noSuchDevice(id: string): CommandFailed {
  return new CommandFailed(
    `There is no device ${id}; see: gatehouse device list, gatehouse device list --pending`,
  )
}

/** Far more than `limits.pendingApprovals` lets wait. */
const everyApproval = 100_000
