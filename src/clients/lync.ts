import type { ClientKey, Identification } from '../domain/client-identity.ts'
import type { RequestHead } from '../domain/request-head.ts'
import { redirectTo } from './answers/redirect.ts'
import { refusalPage } from './answers/refusal-page.ts'
import { readAuthorization } from './authorization.ts'
import { withCertificate } from './certificate-key.ts'
import { clientKey } from './client-key.ts'
import { type Credentials, readCredentials } from './credentials.ts'
import { mediaType } from './extract.ts'
import { redirectDiscovery, refuseLync } from './lync/answers.ts'
import { readApplication } from './lync/application.ts'
import { isLyncPath, lyncEndpoint } from './lync/endpoint.ts'
import { readGivenTicket, readTicketForm, ticketLife, webTicket } from './lync/ticket.ts'
import { isNavigation, isRedirectable } from './navigation.ts'
import type {
  ClientProtocol,
  ClientRequest,
  Observation,
  ProtocolDependencies,
  ProtocolFactory,
  UpstreamAnswer,
} from './protocol.ts'
import { identifiedAsRefused, RequestRefused } from './refused.ts'
import { createUserAgentReader } from './user-agent.ts'
import { normalUser, sameUser } from './user-name.ts'

/**
 * Skype for Business and Lync on phones (UCWA). A client gets a web ticket for its user, creates its application with
 * that ticket and an endpoint id, and shows the ticket from then on. The ticket says the user, the application says
 * the endpoint: both together are registered.
 *
 * Discovery and ticket requests carry no endpoint, so they are judged as a client that is not registered. For clients
 * that are to work from anywhere list `/`, `/autodiscover/*` and `/webticket/*` as public: a ticket by itself opens nothing here.
 */
export const lync: ProtocolFactory = (service, dependencies): ClientProtocol => {
  const describe = createUserAgentReader()
  const names = lyncKeys(service.name, dependencies)

  async function identify(request: ClientRequest): Promise<Identification> {
    const { head } = request
    const navigation = isPersons(head)
    try {
      const client = { device: describe(head), navigation, ...(await readClient(request)) }
      return withCertificate(service.name, head, client)
    } catch (error) {
      return { ...identifiedAsRefused(error), navigation }
    }
  }

  async function readClient(request: ClientRequest): Promise<Omit<Identification, 'navigation' | 'device'>> {
    switch (lyncEndpoint(request.head)) {
      case 'ticket': {
        const user = ticketHolder(request)
        return { keys: [], signIn: user !== undefined, ...(user !== undefined && { user }) }
      }
      case 'applications':
        return readCreation(request)
      default: {
        const ticket = webTicket(request.head)
        return { keys: ticket === undefined ? [] : [names.ticket(ticket)], signIn: false }
      }
    }
  }

  /** A ticket that belongs to no registration yet says the user; one that does names the client by itself. */
  async function readCreation({ head, body }: ClientRequest) {
    const ticket = webTicket(head)
    if (ticket === undefined || body === undefined) return { keys: [], signIn: false }
    const { endpointId, type } = readApplication(head, body)
    const ticketKey = names.ticket(ticket)
    const user = await dependencies.userOfGrant(ticketKey)
    const device = { ...describe(head), claimedId: endpointId, ...(type !== undefined && { type }) }
    if (user === undefined) return { keys: [ticketKey], signIn: false, device }
    return { keys: [names.endpoint(endpointId, user), ticketKey], signIn: true, user, device }
  }

  function observe(
    request: ClientRequest,
    identification: Identification,
    answer: UpstreamAnswer,
  ): Observation {
    if (identification.refuse !== undefined) return {}
    switch (lyncEndpoint(request.head)) {
      case 'ticket':
        return observeTicket(request, identification, answer)
      case 'applications':
        return observeCreation(request.head, identification, answer)
      default:
        return {}
    }
  }

  function observeTicket(
    { head }: ClientRequest,
    { user, keys }: Identification,
    { status, body }: UpstreamAnswer,
  ): Observation {
    if (user === undefined) return {}
    const connectionUser = status !== 401 && shownCredentials(head)?.signsConnection ? user : undefined
    const given = status === 200 && body !== undefined ? readGivenTicket(body) : undefined
    return {
      ...(connectionUser !== undefined && { connectionUser }),
      ...(given !== undefined && {
        grants: [names.ticket(given.ticket, given.expiresIn)],
        grantedTo: user,
      }),
      ...(given !== undefined && keys.length > 0 && { accepted: { user } }),
    }
  }

  /** The ticket was the upstream's to judge: that it made an application of it proves the user. */
  function observeCreation(
    head: RequestHead,
    { user, device, keys }: Identification,
    { status }: UpstreamAnswer,
  ): Observation {
    const ticket = webTicket(head)
    const { claimedId } = device
    if (status !== 201 || user === undefined || ticket === undefined || claimedId === undefined) return {}
    const certificates = keys.filter(({ binding }) => binding === 'certificate')
    return {
      accepted: { user, keys: [...certificates, names.endpoint(claimedId, user)], claimedId },
      grants: [names.ticket(ticket, ticketLife)],
    }
  }

  return {
    kind: 'lync',
    readsBody: (head) => head.hasBody && (isTicketForm(head) || lyncEndpoint(head) === 'applications'),
    identify,
    watches: ({ head }, { refuse }) => refuse === undefined && isObserved(head),
    readsAnswer: ({ head }, { user }, { status }) =>
      status === 200 && user !== undefined && lyncEndpoint(head) === 'ticket',
    observe,
    refuse: (request, refusal) => (isPersons(request) ? refusalPage(refusal) : refuseLync(request, refusal)),
    redirect: (request, { location, navigationUrl }) => {
      if (lyncEndpoint(request) === 'discovery') return redirectDiscovery(request, location.origin)
      return isPersons(request) && isRedirectable(request) ? redirectTo(navigationUrl) : undefined
    },
    claims: isLyncPath,
    bringBack: (request, publicOrigin) =>
      lyncEndpoint(request) === 'discovery' ? redirectDiscovery(request, publicOrigin) : undefined,
  }
}

function lyncKeys(service: string, { now }: ProtocolDependencies) {
  return {
    /** @param lifetime seconds */
    ticket(ticket: string, lifetime?: number): ClientKey {
      const key = clientKey(service, 'claimed', 'lync', 'ticket', ticket)
      return lifetime === undefined ? key : { ...key, expiresAt: now() + lifetime * 1000 }
    },
    endpoint: (endpointId: string, user: string) =>
      clientKey(service, 'claimed', 'lync', 'endpoint', endpointId.toLowerCase(), user),
  }
}

/** A page for a person: a meeting link, the dial-in settings. */
function isPersons(head: RequestHead): boolean {
  return isNavigation(head) && !isLyncPath(head.path) && lyncEndpoint(head) === 'other'
}

function isObserved(head: RequestHead): boolean {
  const endpoint = lyncEndpoint(head)
  return endpoint === 'ticket' || endpoint === 'applications'
}

/** SOAP envelopes may be long, and their user is that of the connection. */
function isTicketForm(head: RequestHead): boolean {
  return mediaType(head) === 'application/x-www-form-urlencoded' && lyncEndpoint(head) === 'ticket'
}

/** Who asks for a ticket: by password in the form, or by NTLM on this connection. */
function ticketHolder({ head, body }: ClientRequest): string | undefined {
  const form = readTicketForm(head, body)
  const typed = normalUser(form.user)
  const proving = shownCredentials(head)?.user
  if (typed !== undefined && proving !== undefined && !sameUser(typed, proving)) {
    throw new RequestRefused('client.user-mismatch')
  }
  return form.byPassword ? (typed ?? proving) : proving
}

/** A bearer ticket is none of the credentials that a ticket is asked for with. */
function shownCredentials(head: RequestHead): Credentials | undefined {
  return readAuthorization(head)?.scheme === 'bearer' ? undefined : readCredentials(head)
}
