/**
 * Every reason why an exchange went the way it did. Codes are stable: they stand in logs, audit records, problem
 * documents and on refusal pages, and `docs/reference/reasons.md` is generated from this table.
 *
 * `status` is what a generic HTTP client gets; a client protocol may have its own terms. `sentence` is safe for
 * anybody to read. `operator` tells the administrator what is behind it and what to do.
 */
export const reasons = {
  // Let through
  'access.allowed': {
    status: 200,
    sentence: 'Access is allowed.',
    operator: 'A rule under `access` allowed the registered client.',
  },
  'registration.allowed': {
    status: 200,
    sentence: 'This device may register.',
    operator:
      'A rule under `registration` allowed the client; it is registered when the upstream accepts its sign-in.',
  },
  'path.public': {
    status: 200,
    sentence: 'This address is public.',
    operator: 'The path is listed under the service’s `public`.',
  },
  'bypass.active': {
    status: 200,
    sentence: 'Access is allowed.',
    operator: 'An administrator lets this service through for a while (`gatehouse bypass`). Audited.',
  },

  // The device
  'device.unregistered': {
    status: 403,
    sentence: 'This device is not registered for this service.',
    operator:
      'No registration was found, and no rule under `registration` lets this client register from where it is.',
  },
  'device.redirected': {
    status: 403,
    sentence: 'This device has to be registered first, from a network that your organisation trusts.',
    operator: 'A rule sends the client to the registration address (the VPN).',
  },
  'device.awaiting-approval': {
    status: 403,
    sentence: 'This device waits for the approval of an administrator.',
    operator: 'A rule says `approve`. See `gatehouse device list --pending` and `gatehouse device approve`.',
  },
  'device.approval-denied': {
    status: 403,
    sentence: 'An administrator has not approved this device.',
    operator: '`gatehouse device block` was used on the waiting device.',
  },
  'device.blocked': {
    status: 403,
    sentence: 'This device was blocked by an administrator.',
    operator: 'See `gatehouse device show` for who and why; `gatehouse device unblock` ends it.',
  },
  'device.noncompliant': {
    status: 403,
    sentence: 'This device does not meet your organisation’s requirements.',
    operator: 'The posture is noncompliant and no rule under `access` allows it.',
  },
  'device.unmanaged': {
    status: 403,
    sentence: 'This device is no longer managed by your organisation.',
    operator: 'The MDM does not know the device, and no rule under `access` allows it.',
  },
  'device.conflict': {
    status: 403,
    sentence: 'Your organisation’s systems disagree about this device.',
    operator: 'Several MDM systems report the device, or several devices match it.',
  },
  'device.posture-unknown': {
    status: 403,
    sentence: 'It is not known yet whether this device meets your organisation’s requirements.',
    operator: 'No MDM has reported the device yet, and no rule under `access` allows it.',
  },
  'device.posture-stale': {
    status: 403,
    sentence: 'Your organisation’s device management has not answered for too long to vouch for this device.',
    operator:
      'The MDM that vouched for the device has not been read to the end within the policy’s `limits.vendorStaleAfter`, and `vendorStale` is `refuse`. See `gatehouse vendor list`.',
  },
  'device.surplus': {
    status: 403,
    sentence: 'You have registered more devices of this kind than your organisation manages for you.',
    operator:
      'The user has one client more than the MDM knows devices of that type, and nothing proves which device this one runs on (`compliance.surplus`). See `gatehouse device show`; `gatehouse vendor link` or `gatehouse device approve` lets it in.',
  },
  'access.no-rule': {
    status: 403,
    sentence: 'Your organisation’s rules do not allow this.',
    operator: 'The client is registered, its posture is compliant, and still no rule under `access` matched.',
  },
  'access.refused': {
    status: 403,
    sentence: 'Your organisation’s rules do not allow this.',
    operator: 'A rule says `refuse`.',
  },
  'access.redirected': {
    status: 403,
    sentence: 'This needs a network that your organisation trusts.',
    operator: 'A rule under `access` sends the client to the VPN.',
  },
  'registration.refused': {
    status: 403,
    sentence: 'This device may not register.',
    operator: 'A rule under `registration` says `refuse`.',
  },
  'registration.limit': {
    status: 403,
    sentence: 'You have registered as many devices as your organisation allows.',
    operator:
      '`limits.clientsPerUser` is reached: `gatehouse device list --user` and `gatehouse device forget`.',
  },
  'registration.failed': {
    status: 503,
    sentence: 'The registration could not be stored. Try again in a minute.',
    operator:
      'The record did not take the registration; nothing was registered and the client was not signed in.',
  },
  'registration.loop': {
    status: 403,
    sentence: 'You were sent to the registration address several times without success.',
    operator:
      'A browser went round between the service and the registration address: it arrives there from a network that no rule accepts, or it drops cookies.',
  },
  'registration.wrong-network': {
    status: 403,
    sentence: 'You are not connected to the network that is needed for registration.',
    operator:
      'The registration address was visited from an address that is in none of the networks of the policy.',
  },

  // The company app: first contact
  'app.method': {
    status: 405,
    sentence: 'The app registers with POST.',
    operator: 'Somebody opened the address of the company app’s registration.',
  },
  'app.secret-in-url': {
    status: 400,
    sentence: 'Secrets do not belong into the address.',
    operator:
      'The app’s registration came with a query, or with a token in it. Addresses stand in logs; the app must send everything in the body.',
  },
  'app.rate-limited': {
    status: 429,
    sentence: 'Too many attempts. Try again in a minute.',
    operator: '`app.attempts`: too many first contacts in a minute from this address, or for this device.',
  },
  'app.request-invalid': {
    status: 400,
    sentence: 'The app’s request is not valid.',
    operator:
      'The body is not the JSON object that docs/app-protocol.md describes; `help` of the answer names the member.',
  },
  'app.signature-missing': {
    status: 403,
    sentence: 'The app’s request is not signed.',
    operator:
      'Signature-Input, Signature, Content-Digest or one of the two signatures is missing (RFC 9421, RFC 9530).',
  },
  'app.signature-malformed': {
    status: 400,
    sentence: 'The signature of the app’s request is not valid.',
    operator:
      'Signature-Input, Signature or Content-Digest breaks the rules: a label or a component twice, an unknown component or parameter, a part that has to be covered left out, or more signatures than the two.',
  },
  'app.algorithm': {
    status: 400,
    sentence: 'The app signs in a way that is not allowed.',
    operator: '`alg` is not the algorithm of the key: the key decides, never the message.',
  },
  'app.key-unknown': {
    status: 403,
    sentence: 'The app’s configuration is out of date.',
    operator:
      'The request’s `keyid` is none of `app.packageKeys`, or its key counts no more or not yet: the MDM hands out an old configuration.',
  },
  'app.signature-invalid': {
    status: 403,
    sentence: 'The signature of the app’s request is wrong.',
    operator:
      'The signature does not fit the request: another key, or another method, address or body than were signed. Behind a proxy: does the gateway see the host and scheme that the app sees?',
  },
  'app.digest-mismatch': {
    status: 403,
    sentence: 'The app’s request was changed on its way.',
    operator: 'The body does not have the Content-Digest that was signed.',
  },
  'app.stale': {
    status: 403,
    sentence: 'The app’s request is too old or too new. Check the clock of your device.',
    operator:
      '`created` and `expires` are outside `app.window` and `app.clockSkew`, or the device’s clock is wrong.',
  },
  'app.replayed': {
    status: 403,
    sentence: 'The app’s request was used before.',
    operator:
      'The nonce has been seen: a replay, or an app that does not make a new one for each request. Or the request is older than the memory of nonces (a start, a flushed Redis): the app signs anew.',
  },
  'app.nonces-unavailable': {
    status: 503,
    sentence: 'The gateway cannot check this at the moment. Try again in a minute.',
    operator: 'The store of used nonces (Redis) does not answer: without it, replays could not be told.',
  },
  'app.company-mismatch': {
    status: 403,
    sentence: 'The app belongs to another company.',
    operator: '`companyName` is not `app.company`.',
  },
  'app.version-outdated': {
    status: 403,
    sentence: 'This version of the app is too old. Update it.',
    operator: '`appVersion` is below `app.minVersion` for the platform.',
  },
  'app.device-unreported': {
    status: 403,
    sentence: 'Your organisation’s device management does not know this device.',
    operator: '`app.requireVendor`: no MDM vendor reports a device with this id for this user.',
  },
  'app.vendor-unavailable': {
    status: 503,
    sentence: 'The gateway cannot check this device at the moment. Try again in some minutes.',
    operator: '`app.requireVendor`: no MDM vendor has reported any device yet.',
  },
  'app.public-key-invalid': {
    status: 400,
    sentence: 'The key of the app is not valid.',
    operator:
      '`publicKey` is not a public P-256 or Ed25519 key as a JWK: not on its curve, or with a private part.',
  },
  'app.key-taken': {
    status: 403,
    sentence: 'The key of the app belongs to another device.',
    operator: '`publicKey` is registered for another user or another device id. The app must make a new key.',
  },
  'app.revoked': {
    status: 403,
    sentence: 'Your organisation has ended the registration of this app. Ask your IT support.',
    operator:
      'An administrator has revoked the app’s key (`gatehouse app revoke`): the app must make a new one.',
  },
  'app.service-unknown': {
    status: 400,
    sentence: 'There is no such service here.',
    operator: '`service` of the app’s request is none of the services of the settings.',
  },

  // The company app: binding
  'app.ticket-unknown': {
    status: 403,
    sentence: 'This link is not valid.',
    operator:
      'No binding link has this secret: it is cut off, more than a day old, or a newer one has replaced it.',
  },
  'app.ticket-expired': {
    status: 403,
    sentence: 'This link has expired.',
    operator: '`app.ticketLife` is over.',
  },
  'app.ticket-used': {
    status: 403,
    sentence: 'This link has been used already.',
    operator: 'A binding link registers one client, once, and only on the device that opened it.',
  },
  'app.ticket-elsewhere': {
    status: 403,
    sentence: 'This link belongs to another service.',
    operator: 'The binding link was opened on the host of another service.',
  },
  'app.other-user': {
    status: 403,
    sentence: 'The account that signs in is not the one that the company app is set up for.',
    operator: 'The user of the client must be the user of the app (`username` of the app’s configuration).',
  },
  'app.proof-invalid': {
    status: 403,
    sentence: 'The signature of the app’s request is not valid.',
    operator:
      'A request names a key of the company app, and its signature is wrong, stale, used before, or covers too little. In a first contact: the app has not shown that it has its own key.',
  },

  // Credentials and claims
  'client.unidentified': {
    status: 403,
    sentence: 'The app did not say which device it runs on.',
    operator: 'The client protocol found nothing that names the device.',
  },
  'client.ambiguous': {
    status: 400,
    sentence: 'The request could be understood in more than one way.',
    operator:
      'Two parts of the request name the device or the user differently (for example two DeviceIds). Forwarding it would let the upstream choose.',
  },
  'client.user-mismatch': {
    status: 403,
    sentence: 'The account that signs in is not the one that the request names.',
    operator: 'The credentials belong to another user than the request or the registration says.',
  },
  'client.credentials-opaque': {
    status: 403,
    sentence: 'This way of signing in cannot be used from here.',
    operator:
      'The credentials do not show their user (Kerberos), so that they cannot be held against the registration.',
  },
  'client.cookie-invalid': {
    status: 403,
    sentence: 'The device cookie of this browser is not valid.',
    operator: 'The device cookie came twice or is malformed: another host may have planted it.',
  },
  'client.token-invalid': {
    status: 401,
    sentence: 'The access token is not valid.',
    operator: 'The JWT is expired, of another issuer or audience, or its signature is wrong.',
  },
  'client.certificate-invalid': {
    status: 403,
    sentence: 'The certificate of this device is not valid.',
    operator:
      'The client certificate has expired, was revoked, comes from a CA that is not in `clientCa`, or is not meant for clients. The log says which.',
  },
  'certificate.revoked': {
    status: 403,
    sentence: 'The certificate of this device was revoked.',
    operator:
      'Gatehouse has issued the certificate and revoked it since: the device has checked out, was removed, or an administrator did so. See `gatehouse enroll certificates SERIAL`. A device that enrolls again gets a new one.',
  },
  'client.certificate-required': {
    status: 421,
    sentence: 'This connection has no client certificate for this address.',
    operator:
      'The TLS server name and the request’s host differ, so the certificate of this connection does not count.',
  },

  // The MDM token
  'token.missing': {
    status: 403,
    sentence: 'This device did not show that your organisation manages it.',
    operator:
      'The registration rests on an MDM token and none is known of it, and the sign-in came without one: the device has no app configuration yet, or its app does not send the token.',
  },
  'token.inactive': {
    status: 403,
    sentence: 'The management token of this device is no longer valid.',
    operator:
      'The MDM token has expired or was revoked: `gatehouse token list`. It goes on when the device has the configuration with an active one.',
  },
  'token.unknown': {
    status: 403,
    sentence: 'The management token of this device is not valid.',
    operator: 'A token came that this installation never had: mistyped in the MDM, or guessed.',
  },
  'token.malformed': {
    status: 400,
    sentence: 'The request is not valid.',
    operator: 'The MDM token’s header came twice, or holds what no token can be.',
  },
  'token.in-url': {
    status: 400,
    sentence: 'The request is not valid.',
    operator:
      'An MDM token stands in the address, where servers and proxies log it. Send it in the header. Revoke it if others can read those logs.',
  },
  'token.too-many': {
    status: 429,
    sentence: 'Too many attempts. Try again in a minute.',
    operator: 'More unknown MDM tokens from one address than `mdmTokens.wrongPerMinute`.',
  },

  // Routing
  'host.unknown': {
    status: 421,
    sentence: 'There is no such service here.',
    operator: 'The Host is not among any service’s `hosts`.',
  },
  'path.reserved': {
    status: 404,
    sentence: 'There is no such page.',
    operator: 'A path under `/.gatehouse/` that does not exist.',
  },
  'return.invalid': {
    status: 400,
    sentence: 'This link is not valid any more. Open the service’s address again.',
    operator:
      'The signed way back from the VPN was forged, has expired, belongs to another browser, or has registered a client already.',
  },

  // Syntax: each a request that two programs could read in two ways
  'http.malformed': {
    status: 400,
    sentence: 'The request is not valid.',
    operator: 'The HTTP parser refused the bytes.',
  },
  'http.version': {
    status: 505,
    sentence: 'This HTTP version is not supported.',
    operator: 'Neither HTTP/1.0, 1.1 nor 2.',
  },
  'http.method': {
    status: 405,
    sentence: 'This method is not allowed.',
    operator: 'The method is not in `limits.methods`; CONNECT and TRACE never are.',
  },
  'http.target': {
    status: 400,
    sentence: 'The request is not valid.',
    operator: 'The request target is neither origin-form nor an absolute form that agrees with Host.',
  },
  'http.host': {
    status: 400,
    sentence: 'The request is not valid.',
    operator: 'Host is missing, there are two, or it is not a host name with an optional port.',
  },
  'http.field-name': {
    status: 400,
    sentence: 'The request is not valid.',
    operator: 'A header field’s name is not a token.',
  },
  'http.field-value': {
    status: 400,
    sentence: 'The request is not valid.',
    operator: 'A header field’s value holds control characters.',
  },
  'http.field-repeated': {
    status: 400,
    sentence: 'The request is not valid.',
    operator: 'A header field that may stand once stands twice.',
  },
  'http.connection': {
    status: 400,
    sentence: 'The request is not valid.',
    operator: 'Connection names a field that is no hop-by-hop field.',
  },
  'http.framing': {
    status: 400,
    sentence: 'The request is not valid.',
    operator: 'Content-Length and Transfer-Encoding: both, repeated, or not exactly a number or `chunked`.',
  },
  'http.transfer-coding': {
    status: 501,
    sentence: 'The request is not valid.',
    operator: 'A transfer coding other than `chunked`.',
  },
  'http.expect': {
    status: 417,
    sentence: 'The request is not valid.',
    operator: 'Expect is not `100-continue`.',
  },
  'http.upgrade': {
    status: 400,
    sentence: 'The request is not valid.',
    operator: 'The upgrade handshake is not valid, or its protocol is not in the service’s `upgrades`.',
  },
  'http.origin': {
    status: 403,
    sentence: 'This page may not open a connection to the service.',
    operator: 'A WebSocket handshake whose Origin is not the service’s own nor in its `origins`.',
  },
  'http.loop': {
    status: 508,
    sentence: 'The request goes round in a circle.',
    operator: 'Via holds this gateway already.',
  },
  'path.ambiguous': {
    status: 400,
    sentence: 'The address is not valid.',
    operator:
      'The path holds `..`, `//`, `;`, a backslash, an encoded slash or the like: two programs could resolve it differently.',
  },

  // Limits
  'limit.header-size': {
    status: 431,
    sentence: 'The request’s headers are too large.',
    operator:
      '`limits.headerSize` or `limits.headerFields`. A browser recovers when its cookies for the site are deleted.',
  },
  'limit.header-time': {
    status: 408,
    sentence: 'The request took too long to arrive.',
    operator: '`limits.headerTimeout`: the header section was not complete in time.',
  },
  'limit.body-size': {
    status: 413,
    sentence: 'The request is too large.',
    operator: 'The service’s `maxBody`, or 64 KiB for a sign-in that the gateway has to read.',
  },
  'limit.body-time': {
    status: 408,
    sentence: 'The request took too long to arrive.',
    operator: '`limits.bodyTimeout`: the body made no progress.',
  },
  'limit.target-size': {
    status: 414,
    sentence: 'The address is too long.',
    operator: '`limits.targetSize`.',
  },
  'limit.connections': {
    status: 503,
    sentence: 'Too many connections.',
    operator: '`limits.connections` or `limits.connectionsPerAddress`.',
  },
  'limit.approvals': {
    status: 503,
    sentence: 'Too many devices wait for approval.',
    operator: 'The queue of waiting devices is full (`limits.pendingApprovals`).',
  },

  // Ours and the upstream's faults: always a refusal, never a forward
  'upstream.unreachable': {
    status: 502,
    sentence: 'The service cannot be reached.',
    operator: 'No upstream of the service took the connection.',
  },
  'upstream.tls': {
    status: 502,
    sentence: 'The service cannot be reached.',
    operator: 'The upstream’s certificate is not valid for its name or its CA is not known (`upstreamTls`).',
  },
  'upstream.timeout': {
    status: 504,
    sentence: 'The service did not answer in time.',
    operator: '`limits.responseTimeout`.',
  },
  'upstream.invalid': {
    status: 502,
    sentence: 'The service gave an answer that is not valid.',
    operator: 'The upstream’s answer broke HTTP’s rules.',
  },
  'upstream.aborted': {
    status: 502,
    sentence: 'The service broke off.',
    operator: 'The upstream closed the connection before its answer was complete.',
  },
  'connection.http1-required': {
    status: 421,
    sentence: 'This way of signing in needs HTTP/1.1.',
    operator:
      'NTLM and Negotiate sign a connection in, which HTTP/2 cannot do; the client is told to use HTTP/1.1.',
  },
  'connection.shared': {
    status: 403,
    sentence: 'This way of signing in cannot be used from here.',
    operator:
      'NTLM and Negotiate sign a connection in, and a proxy that tells the client’s address in a header shares its connections among clients. Use the PROXY protocol, or offer another scheme beside them.',
  },
  'connection.other-service': {
    status: 421,
    sentence: 'This connection belongs to another service.',
    operator:
      'NTLM or Negotiate has tied the client connection to one service’s upstream; a request for another service needs a connection of its own.',
  },
  'state.unavailable': {
    status: 503,
    sentence: 'The gateway cannot check this device at the moment. Try again in a minute.',
    operator: 'The record cannot be read. Nobody is let in unchecked.',
  },
  'gateway.draining': {
    status: 503,
    sentence: 'The gateway is being restarted. Try again in a moment.',
    operator: 'The process got SIGTERM.',
  },
  'gateway.failure': {
    status: 503,
    sentence: 'Something went wrong in the gateway.',
    operator: 'An error that nobody foresaw; the log has it under the same id.',
  },

  // Ends of exchanges that had begun
  'client.aborted': {
    status: 499,
    sentence: 'The client went away.',
    operator: 'The client closed the connection before the answer was complete.',
  },
  'device.cut-off': {
    status: 403,
    sentence: 'This device may no longer connect.',
    operator: 'The device’s state or the policy changed while the exchange was open.',
  },
} as const satisfies Record<string, Reason>

export interface Reason {
  readonly status: number
  readonly sentence: string
  readonly operator: string
}

export type ReasonCode = keyof typeof reasons
