import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Provider, { type Configuration } from 'oidc-provider'
import type { Test } from 'tap'
import { passwordIsRight } from '../../sim/people.ts'

export interface OpenIdProviderOptions {
  /** As clients see it; behind a gateway the gateway's origin. Default: the provider's own origin. */
  readonly issuer?: string
  /** Where the one client, `app`, may be sent back to. */
  readonly redirectUris: readonly string[]
}

export interface OpenIdProvider {
  /** Where it listens: the upstream. */
  readonly url: string
  readonly issuer: string
}

/**
 * A real OpenID provider with a login form (`POST /interaction/UID/login`: username, password of `sim/people.ts`),
 * no consent screen, and the confidential client `app` / `app-secret`.
 */
export async function openIdProvider(t: Test, options: OpenIdProviderOptions): Promise<OpenIdProvider> {
  const { url, use } = await openIdProviderFor(t)
  const issuer = options.issuer ?? url
  use({ issuer, redirectUris: options.redirectUris })
  return { url, issuer }
}

/**
 * Behind a gateway the issuer is known only once the gateway listens. This one listens at once, and answers 503
 * until `use` has told it what it is called.
 */
export async function openIdProviderFor(t: Test): Promise<{
  readonly url: string
  use(options: { readonly issuer: string; readonly redirectUris: readonly string[] }): void
}> {
  let handle = (_: IncomingMessage, response: ServerResponse): void => void response.writeHead(503).end()
  const server = createServer((request, response) => handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    use(options) {
      handle = providerHandler(options.issuer, options.redirectUris)
    },
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

function providerHandler(issuer: string, redirectUris: readonly string[]): Handler {
  const provider = new Provider(issuer, configuration(redirectUris))
  provider.proxy = true // believes X-Forwarded-Proto and -Host of the gateway in front
  const callback = provider.callback()
  return (request, response) => {
    const path = request.url?.split('?')[0] ?? '/'
    if (/^\/interaction\/[^/]+(\/login)?$/.test(path)) {
      interact(provider, request, response).catch((error) => {
        response.writeHead(500).end(String(error))
      })
    } else callback(request, response)
  }
}

function configuration(redirectUris: readonly string[]): Configuration {
  return {
    clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: [...redirectUris] }],
    features: { devInteractions: { enabled: false } },
    cookies: { keys: ['a key of the tests'] },
    pkce: { required: () => false },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    // Whoever has signed in has agreed: the tests are about the sign-in.
    async loadExistingGrant({ oidc }) {
      const { client, session, provider } = oidc
      if (client === undefined || session?.accountId === undefined) return undefined
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
      grant.addOIDCScope('openid')
      await grant.save()
      return grant
    },
  }
}

async function interact(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { uid } = await provider.interactionDetails(request, response)
  if (request.method !== 'POST') return loginForm(response, uid, '')
  const form = new URLSearchParams(await text(request))
  const user = form.get('username') ?? ''
  if (!passwordIsRight(user, form.get('password') ?? '')) {
    return loginForm(response, uid, 'Wrong user name or password.')
  }
  await provider.interactionFinished(request, response, { login: { accountId: user } })
}

function loginForm(response: ServerResponse, uid: string, message: string): void {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  response.end(
    `<!doctype html><title>Sign in</title><p role="alert">${message}</p>` +
      `<form method="post" action="/interaction/${uid}/login">` +
      '<input name="username" autocomplete="username"><input name="password" type="password">' +
      '<button>Sign in</button></form>',
  )
}
