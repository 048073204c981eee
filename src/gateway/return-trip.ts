import { createSecretKey, type KeyObject } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import { gatehouseCookie, readCookies } from '../clients/device-cookie.ts'
import type { RequestHead } from '../domain/request-head.ts'
import { equalSecrets, sha256 } from '../lib/hash.ts'

/**
 * The way of a browser to the registration address (the VPN) and back.
 *
 *   1. service host      302 to the registration address with a *departure*; a nonce cookie stays in the browser
 *   2. registration host the source address is in a network of the policy: 302 back with an *arrival* that names it
 *   3. service host      the arrival meets its nonce cookie: the *voucher* cookie says for ten minutes which networks
 *                        this browser has just been on, and the browser goes where it wanted to go
 *
 * Cookies do not cross hosts and a link can be passed on, so the nonce ties all three steps to one browser. Each token
 * is a JWT with its own type and cannot stand in for another; an arrival counts once.
 */
export interface Departure {
  readonly service: string
  /** The service's host, with its port. */
  readonly authority: string
  /** Origin-form, on that host. */
  readonly target: string
  readonly nonceHash: string
  /** The policy's own words, for who arrives from the wrong network. */
  readonly help?: string
}

export interface Arrival extends Omit<Departure, 'help'> {
  readonly networks: readonly string[]
  readonly id: string
}

export interface Voucher {
  readonly service: string
  readonly networks: readonly string[]
}

const types = {
  departure: 'gatehouse-departure+jwt',
  arrival: 'gatehouse-arrival+jwt',
  voucher: 'gatehouse-voucher+jwt',
}
type TokenType = keyof typeof types

/** Seconds. Time to start a VPN by hand, to follow a redirect, to sign in. */
export const lifetimes = { departure: 900, arrival: 120, voucher: 600 } as const

export class ReturnTrip {
  readonly #key: KeyObject
  readonly #now: () => number

  /** @param secret at least 256 bits, base64url, the same for all processes of the installation */
  constructor(secret: string, now: () => number) {
    this.#key = createSecretKey(Buffer.from(secret, 'base64url'))
    this.#now = now
  }

  sign(type: TokenType, claims: Departure | Arrival | Voucher): Promise<string> {
    const issued = Math.floor(this.#now() / 1000)
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'HS256', typ: types[type] })
      .setIssuedAt(issued)
      .setExpirationTime(issued + lifetimes[type])
      .sign(this.#key)
  }

  departure(token: string): Promise<Departure | undefined> {
    return this.#verify('departure', token, isDeparture)
  }

  arrival(token: string): Promise<Arrival | undefined> {
    return this.#verify('arrival', token, isArrival)
  }

  /** The networks that this browser has just shown to be on, when its voucher is for this service. */
  vouchedNetworks(head: RequestHead, service: string): readonly string[] | Promise<readonly string[]> {
    const [cookie, second] = readCookies(head, gatehouseCookie('voucher', head.scheme))
    return cookie === undefined || second !== undefined ? [] : this.#vouchedBy(cookie, service)
  }

  async #vouchedBy(cookie: string, service: string): Promise<readonly string[]> {
    const voucher = await this.#verify('voucher', cookie, isVoucher)
    return voucher?.service === service ? voucher.networks : []
  }

  /** By what one voucher is told from another, so that it registers one client; undefined without one. */
  voucherId(head: RequestHead): string | undefined {
    const [cookie] = readCookies(head, gatehouseCookie('voucher', head.scheme))
    return cookie === undefined ? undefined : sha256(cookie)
  }

  /** Is this the browser that departed? */
  isSameBrowser(head: RequestHead, { nonceHash }: Pick<Departure, 'nonceHash'>): boolean {
    const [cookie, second] = readCookies(head, gatehouseCookie('return', head.scheme))
    return (
      cookie !== undefined &&
      second === undefined &&
      equalSecrets(sha256(parseNonce(cookie).nonce), nonceHash)
    )
  }

  async #verify<T extends object>(
    type: TokenType,
    token: string,
    isClaims: (claims: object) => claims is T,
  ): Promise<T | undefined> {
    if (token.length > maxTokenLength) return undefined
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: ['HS256'],
        typ: types[type],
        requiredClaims: ['exp'],
        currentDate: new Date(this.#now()),
      })
      return isClaims(payload) ? payload : undefined
    } catch {
      return undefined // forged, expired, of another type: the caller refuses, nobody needs to know which
    }
  }
}

const maxTokenLength = 24 * 1024

/** The nonce cookie also counts the departures, so that a circle is noticed. */
export function parseNonce(cookie: string): { nonce: string; rounds: number } {
  const [nonce = '', rounds = ''] = cookie.split('.', 2)
  return { nonce, rounds: /^\d{1,3}$/.test(rounds) ? Number(rounds) : 0 }
}

export function formatNonce(nonce: string, rounds: number): string {
  return `${nonce}.${rounds}`
}

/** After so many departures within a departure's life the browser gets a page instead. */
export const roundsLimit = 3

function isDeparture(claims: object): claims is Departure {
  const { service, authority, target, nonceHash, help } = claims as Partial<Departure>
  return [service, authority, target, nonceHash, help ?? ''].every((claim) => typeof claim === 'string')
}

function isArrival(claims: object): claims is Arrival {
  return isDeparture(claims) && typeof (claims as Partial<Arrival>).id === 'string' && hasNetworks(claims)
}

function isVoucher(claims: object): claims is Voucher {
  return typeof (claims as Partial<Voucher>).service === 'string' && hasNetworks(claims)
}

function hasNetworks(claims: object): boolean {
  const { networks } = claims as Partial<Voucher>
  return Array.isArray(networks) && networks.every((network) => typeof network === 'string')
}
