import type { Identification, Platform } from '../../domain/client-identity.ts'
import { type PostureState, unknownPosture } from '../../domain/posture.ts'
import type { DeviceState } from '../../domain/registration.ts'
import type { Route } from '../../gateway/routing.ts'

/** What the administrator wants to be taken as given, because flags cannot show it: a signed-in user, a registration. */
export interface Assumptions {
  readonly user?: string
  readonly signIn: boolean
  readonly platform?: Platform
  readonly osVersion?: string
  readonly registered: boolean
  /** Milliseconds ago. */
  readonly registeredAgo?: number
  readonly posture?: PostureState
}

/** The route with a protocol that identifies as always, and then as assumed. */
export function assumingRoute(route: Route, assumed: Assumptions): Route {
  const { protocol } = route
  const identify: typeof protocol.identify = async (request) =>
    assumeIdentity(await protocol.identify(request), assumed)
  // The protocol's methods may use `this`: only `identify` is put in front of them.
  return { ...route, protocol: Object.assign(Object.create(protocol), { identify }) }
}

function assumeIdentity(found: Identification, assumed: Assumptions): Identification {
  const { user, platform, osVersion, signIn } = assumed
  return {
    ...found,
    ...(user !== undefined && { user: user.toLowerCase() }),
    device: {
      ...found.device,
      ...(platform !== undefined && { platform }),
      ...(osVersion !== undefined && { osVersion }),
    },
    signIn: found.signIn || signIn,
  }
}

/** The state in the record, or the one that `--registered` makes up; with the posture that is assumed. */
export function assumeState(
  found: DeviceState | undefined,
  assumed: Assumptions,
  request: { readonly service: string; readonly source: string; readonly at: number },
): DeviceState | undefined {
  const { registered, registeredAgo, posture } = assumed
  const state = found ?? (registered ? madeUp(assumed, request) : undefined)
  if (state === undefined) return undefined
  return {
    ...state,
    ...(posture !== undefined && { posture: { ...state.posture, state: posture } }),
    ...(registeredAgo !== undefined && {
      registration: { ...state.registration, registeredAt: request.at - registeredAgo },
    }),
  }
}

function madeUp(
  { user }: Assumptions,
  { service, source, at }: { readonly service: string; readonly source: string; readonly at: number },
): DeviceState {
  return {
    version: 0,
    posture: unknownPosture,
    registration: {
      id: 'assumed',
      service,
      user: user?.toLowerCase() ?? 'nobody',
      binding: 'cookie',
      device: {},
      evidence: [],
      networks: [],
      rule: 'assumed',
      source,
      registeredAt: at,
    },
  }
}
