import { createHash, timingSafeEqual, verify, X509Certificate } from 'node:crypto'
import { type Asn1, Asn1Error, tags } from '../asn1/asn1.ts'
import { oids } from '../asn1/oids.ts'
import { childrenOf, octetsOf, oidOf, readAsn1, serialText, smallInteger, tagged } from '../asn1/read.ts'
import { encode, setOf } from '../asn1/write.ts'
import { algorithmOid, digestOf, signatureOf } from './algorithms.ts'
import { namesOf } from './certificate-names.ts'
import { type Attributes, CmsError, type Digest, type SignedMessage, type VerifyOptions } from './cms.ts'

/**
 * Reads a SignedData and checks its one signature with the key of the certificate that the signer info names. It does
 * not say whether that certificate is to be trusted, nor whether it is valid now: a device whose identity has expired
 * still signs its renewal.
 *
 * @throws {CmsError} malformed, no or several signers, unknown algorithm, or a signature that does not fit
 */
export function verifySignedData(message: Buffer, options: VerifyOptions = {}): SignedMessage {
  try {
    return verifyMessage(message, options)
  } catch (error) {
    if (!(error instanceof Asn1Error)) throw error
    throw new CmsError('malformed', `Not a signed message: ${error.message}`, { cause: error })
  }
}

function verifyMessage(message: Buffer, options: VerifyOptions): SignedMessage {
  const fields = signedDataFields(message, options.maxBytes)
  const content = contentOf(fields.encapsulated, options)
  const certificates = certificatesOf(fields.certificates)
  const info = signerInfoOf(fields.signerInfos)
  const signer = findSigner(certificates, info.sid)
  const digest = usableDigest(info.digestOid, options)
  const signed = signedBytes(info.attributes, { ...content, digest })
  checkSignature(signer, { ...info, digest, signed })
  const attributes = info.attributes && attributesOf(info.attributes)
  return {
    ...content,
    signer,
    digest,
    certificates: certificates.flatMap(({ certificate }) => certificate() ?? []),
    ...(attributes !== undefined && { attributes }),
  }
}

interface Fields {
  readonly encapsulated: Asn1 | undefined
  readonly certificates: Asn1 | undefined
  readonly signerInfos: Asn1 | undefined
}

function signedDataFields(message: Buffer, maxBytes: number | undefined): Fields {
  const [type, wrapped] = childrenOf(readAsn1(message, maxBytes === undefined ? {} : { maxBytes }))
  if (oidOf(type) !== oids.signedData) throw new CmsError('unsupported', 'Not signed data')
  const fields = childrenOf(childrenOf(wrapped, 0x80)[0])
  smallInteger(fields[0])
  childrenOf(fields[1], tags.set)
  return {
    encapsulated: fields[2],
    certificates: tagged(fields.slice(3), 0),
    signerInfos: fields.slice(3).find(({ tag }) => tag === tags.set),
  }
}

function contentOf(encapsulated: Asn1 | undefined, options: VerifyOptions) {
  const [type, wrapped] = childrenOf(encapsulated)
  const contentType = oidOf(type)
  const within = wrapped && octetsOf(childrenOf(wrapped, 0x80)[0])
  if (options.detached !== undefined) {
    if (within !== undefined) throw new CmsError('malformed', 'A detached signature holds no content')
    return { contentType, content: options.detached }
  }
  if (within === undefined && !options.withoutContent) throw new CmsError('malformed', 'There is no content')
  return { contentType, content: within ?? Buffer.alloc(0) }
}

/** Nobody sends more along; each costs a comparison. */
const mostCertificates = 20

function certificatesOf(node: Asn1 | undefined) {
  const nodes = node === undefined ? [] : childrenOf(node, 0x80).filter(({ tag }) => tag === tags.sequence)
  if (nodes.length > mostCertificates) throw new CmsError('malformed', 'Too many certificates')
  return nodes.map((node) => ({ certificate: parsedOnce(node), names: namesOf(node) }))
}

/** Whose names fit is asked of all, and reading the signer’s certificate twice was a tenth of a poll’s work. */
function parsedOnce(node: Asn1): () => X509Certificate | undefined {
  let parsed: { readonly certificate: X509Certificate | undefined } | undefined
  return () => {
    parsed ??= { certificate: tryCertificate(node) }
    return parsed.certificate
  }
}

function signerInfoOf(node: Asn1 | undefined) {
  const infos = childrenOf(node, tags.set)
  // Which of two signers would be believed is for nobody to choose.
  if (infos.length !== 1) throw new CmsError('signer', `One signer is expected, not ${infos.length}`)
  const [version, sid, digestAlgorithm, ...rest] = childrenOf(infos[0])
  smallInteger(version)
  const attributes = tagged(rest.slice(0, 1), 0)
  const [signatureAlgorithm, signature] = attributes === undefined ? rest : rest.slice(1)
  return {
    sid: sid!,
    digestOid: algorithmOid(digestAlgorithm),
    attributes,
    signatureOid: algorithmOid(signatureAlgorithm),
    signature: octetsOf(signature),
  }
}

/** By what the signer info names, not by the order in which certificates came. */
function findSigner(certificates: ReturnType<typeof certificatesOf>, sid: Asn1): X509Certificate {
  const fits = sidTest(sid)
  const found = certificates.find(({ names }) => fits(names))
  const certificate = found?.certificate()
  if (certificate === undefined)
    throw new CmsError('signer', 'The signer’s certificate is not in the message')
  return certificate
}

function sidTest(sid: Asn1): (names: ReturnType<typeof namesOf>) => boolean {
  if (sid.tag === 0x80) {
    const identifier = octetsOf(sid, 0x80)
    return ({ subjectKeyIdentifier }) => subjectKeyIdentifier?.equals(identifier) === true
  }
  const [issuer, serial] = childrenOf(sid)
  if (issuer === undefined) throw new CmsError('malformed', 'The signer is not named')
  const wanted = encode(issuer)
  const number = serialText(serial)
  return (names) => names.serial === number && names.issuer.equals(wanted)
}

function tryCertificate(node: Asn1): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(encode(node))
    // Read lazily by Node; a key that it cannot read makes the certificate useless.
    return certificate.publicKey.asymmetricKeyType === undefined ? undefined : certificate
  } catch {
    return undefined
  }
}

function usableDigest(oid: string, { sha1 = false }: VerifyOptions): Digest {
  const digest = digestOf(oid)
  if (digest === undefined || (digest === 'sha1' && !sha1))
    throw new CmsError('algorithm', digest === 'sha1' ? 'SHA-1 is not accepted' : 'Unknown digest algorithm')
  return digest
}

interface Content {
  readonly contentType: string
  readonly content: Buffer
  readonly digest: Digest
}

/** The bytes under the signature, in each order in which signers write them. */
function signedBytes(attributes: Asn1 | undefined, { contentType, content, digest }: Content): Buffer[] {
  // Without attributes, only plain data: the same bytes could otherwise be the attributes of another message (RFC 5652, 5.3).
  if (attributes === undefined) {
    if (contentType !== oids.data) throw new CmsError('malformed', 'Signed attributes are missing')
    return [content]
  }
  const values = attributesOf(attributes)
  if (oidOf(single(values, oids.contentType)) !== contentType)
    throw new CmsError('signature', 'Another content type is signed')
  const claimed = octetsOf(single(values, oids.messageDigest))
  const actual = createHash(digest).update(content).digest()
  if (claimed.length !== actual.length || !timingSafeEqual(claimed, actual))
    throw new CmsError('signature', 'Another content is signed')
  // As a SET OF, not under the tag [0] that it is sent with (RFC 5652, 5.4).
  const asSent = encode({ ...attributes, tag: tags.set })
  const ordered = setOf(...(attributes.children ?? []).map(encode))
  return ordered.equals(asSent) ? [ordered] : [ordered, asSent]
}

function attributesOf(node: Asn1): Attributes {
  const attributes = new Map<string, readonly Asn1[]>()
  for (const attribute of childrenOf(node, 0x80)) {
    const [type, values] = childrenOf(attribute)
    const name = oidOf(type)
    if (attributes.has(name)) throw new CmsError('malformed', 'A signed attribute is there twice')
    attributes.set(name, childrenOf(values, tags.set))
  }
  return attributes
}

/** @throws {CmsError} when the attribute is missing or has not exactly one value */
export function single(attributes: Attributes, name: string): Asn1 {
  const values = attributes.get(name)
  const [value] = values ?? []
  if (value === undefined || values?.length !== 1)
    throw new CmsError('malformed', `The signed attribute ${name} is missing`)
  return value
}

interface Signature {
  readonly signatureOid: string
  readonly signature: Buffer
  readonly digest: Digest
  readonly signed: readonly Buffer[]
}

function checkSignature(
  signer: X509Certificate,
  { signatureOid, signature, digest, signed }: Signature,
): void {
  const algorithm = signatureOf(signatureOid)
  if (algorithm === undefined) throw new CmsError('algorithm', 'Unknown signature algorithm')
  if (algorithm.digest !== undefined && algorithm.digest !== digest)
    throw new CmsError('algorithm', 'The signature’s digest is not the digest algorithm')
  const key = signer.publicKey
  if (key.asymmetricKeyType !== algorithm.keyType)
    throw new CmsError('algorithm', 'The signer’s key is of another kind')
  if (!signed.some((bytes) => verify(digest, bytes, key, signature)))
    throw new CmsError('signature', 'The signature does not fit')
}
