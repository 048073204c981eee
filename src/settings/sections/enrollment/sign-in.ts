import { z } from 'zod'
import { secretSource } from '../secret.ts'
import { duration, issuer, path, said } from '../values.ts'

const claim = () => z.string().min(1).max(100)

const oidc = z
  .strictObject({
    issuer: issuer().meta({
      description:
        'The OpenID provider. Its `/.well-known/openid-configuration` is read. Redirect address to register there: `PUBLICURL/enroll/sign-in/callback`.',
      examples: ['https://login.example.com/realms/example'],
    }),
    clientId: z
      .string()
      .min(1)
      .meta({ description: 'The client that is registered there for Gatehouse.', examples: ['gatehouse'] }),
    clientSecret: secretSource()
      .exactOptional()
      .meta({
        description: 'Its secret; left out for a public client, which PKCE alone protects.',
        examples: [{ env: 'ENROLLMENT_CLIENT_SECRET' }],
      }),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be a scope without spaces'))
      .prefault(['openid', 'profile', 'email'])
      .meta({ description: 'What is asked for. `openid` is always among them.' }),
    userClaim: claim().prefault('preferred_username').meta({
      description:
        'The claim with the user’s name: the name under which the user signs in at the protected services, too, and that users cannot choose themselves. An `email` that the provider calls unverified signs nobody in.',
    }),
    groupsClaim: claim().prefault('groups').meta({
      description: 'The claim with the user’s groups, to which profiles are assigned.',
    }),
    ca: z.array(path()).prefault([]).meta({
      description: 'CAs of the provider’s own certificate, PEM, beside those of the system.',
    }),
  })
  .exactOptional()
  .meta({ description: 'Sign in at an OpenID provider (authorization code with PKCE).' })

const ldapUrlSentence = 'must be an address such as ldaps://dc1.example.com or ldap://dc1.example.com:389'

const ldap = z
  .strictObject({
    servers: z
      .array(
        z
          .string({ error: said(ldapUrlSentence) })
          .regex(/^ldaps?:\/\/[A-Za-z0-9.[\]:-]+\/?$/, ldapUrlSentence)
          .refine((text) => URL.canParse(text), ldapUrlSentence),
      )
      .min(1)
      .meta({
        description: 'Directory servers, asked one after the other. `ldap://` is used with StartTLS only.',
        examples: [['ldaps://dc1.example.com', 'ldaps://dc2.example.com']],
      }),
    ca: z
      .array(path())
      .prefault([])
      .meta({
        description: 'CAs of the servers’ certificates, PEM, instead of those of the system.',
        examples: [['../certs/directory-ca.crt']],
      }),
    bindDn: z
      .string()
      .min(1)
      .meta({
        description: 'The account that looks users up.',
        examples: ['cn=gatehouse,ou=services,dc=example,dc=com'],
      }),
    bindPassword: secretSource().meta({ description: 'Its password.' }),
    searchBase: z
      .string()
      .min(1)
      .meta({ description: 'Where users are.', examples: ['ou=people,dc=example,dc=com'] }),
    userAttribute: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'must be the name of an attribute such as uid or sAMAccountName')
      .prefault('uid')
      .meta({
        description:
          'The attribute that holds what users type; `sAMAccountName` or `userPrincipalName` in Active Directory.',
      }),
    filter: z
      .string()
      .regex(/^\(.*\)$/s, 'must be a filter in parentheses such as (objectClass=person)')
      .exactOptional()
      .meta({
        description: 'A further condition on users.',
        examples: ['(memberOf=cn=phones,ou=groups,dc=example,dc=com)'],
      }),
    groupsAttribute: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'must be the name of an attribute such as memberOf')
      .prefault('memberOf')
      .meta({
        description:
          'The attribute of the user that names groups. Of a distinguished name, its first part counts: `cn=sales,ou=…` is `sales`.',
      }),
    timeout: duration().prefault('5s').meta({ description: 'For each server.' }),
  })
  .exactOptional()
  .meta({
    description: 'Check user name and password at a directory server (LDAP bind). Always over TLS.',
  })

export const signInKey = z
  .strictObject({
    oidc,
    ldap,
    codes: z.boolean().prefault(true).meta({
      description:
        'Accept one-time codes that an administrator makes for a user: `gatehouse enroll code create`.',
    }),
    session: duration().prefault('15m').meta({
      description: 'How long a sign-in lasts. Long enough to read, to install and to be interrupted once.',
    }),
    attempts: z.int().min(1).prefault(10).meta({
      description:
        'Attempts to sign in within five minutes, right or wrong, for each user; an address may make twenty times as many, since many people share one. A user is given as many profiles in that time.',
    }),
  })
  .superRefine(({ oidc, ldap, codes, session }, context) => {
    if (oidc !== undefined && ldap !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['ldap'],
        message: 'stands beside `oidc`: users sign in with one of the two; remove the other',
      })
    if (oidc === undefined && ldap === undefined && !codes)
      context.addIssue({
        code: 'custom',
        path: ['codes'],
        message: 'nobody could sign in: set `oidc` or `ldap`, or leave one-time codes on',
      })
    if (session < 60_000 || session > 3_600_000)
      context.addIssue({ code: 'custom', path: ['session'], message: 'must be between 1m and 1h' })
  })
  .prefault({})
  .meta({ description: 'How users prove who they are before anything is handed out.' })

export type WrittenSignIn = z.output<typeof signInKey>
