import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { BehindAccess } from '../enrollment/scep/access.ts'
import { IdentitiesBehind } from '../enrollment/scep/behind.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { EnrollmentParts } from './enrollment-parts.ts'

/** A certificate under `enrollment.scep.proxy.issuers` with which no identity could be told from another. */
export class IssuerUnusable extends Error {
  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(`enrollment.scep.proxy.issuers: ${file}: ${problem}`, options)
    this.name = 'IssuerUnusable'
  }
}

/** The SCEP server behind: what devices are told of it, and what it has issued. */
export interface ScepBehind {
  readonly access: BehindAccess
  readonly identities: IdentitiesBehind
}

/** @returns undefined when Gatehouse issues itself @throws IssuerUnusable */
export function openScepBehind(
  { scep: { proxy } }: Pick<EnrollmentSettings, 'scep'>,
  { store, now }: Pick<EnrollmentParts, 'store' | 'now'>,
): ScepBehind | undefined {
  if (proxy === undefined) return undefined
  const issuers = proxy.issuers.map((file) => readIssuer(file, now()))
  const { challenge } = proxy
  return {
    access: { issuer: issuers[0]!, ...(challenge && { challenge }) }, // the settings want one at least
    identities: new IdentitiesBehind({ issuers, store, now }),
  }
}

function readIssuer(file: string, at: number): X509Certificate {
  const certificate = read(file)
  if (!certificate.ca)
    throw new IssuerUnusable(file, 'is not the certificate of a CA: name the CA that issues to devices')
  if (certificate.validToDate.getTime() <= at) throw new IssuerUnusable(file, 'has expired')
  return certificate
}

function read(file: string): X509Certificate {
  try {
    return new X509Certificate(readFileSync(file))
  } catch (cause) {
    throw new IssuerUnusable(file, 'no certificate can be read from it (PEM)', { cause })
  }
}
