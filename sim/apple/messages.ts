/**
 * The cryptographic messages of an Apple device, over node-forge and node:crypto and apart from the server's own code, so
 * that each checks the other: CMS signatures, SCEP, encrypted profiles.
 */
import {
  createHash,
  createPublicKey,
  createVerify,
  generateKeyPairSync,
  randomBytes,
  sign as signBytes,
  X509Certificate,
} from 'node:crypto'
import forge from 'node-forge'

const { asn1 } = forge
type Node = forge.asn1.Asn1

/** PEM texts. */
export interface DeviceIdentity {
  readonly certificate: string
  readonly key: string
}

export function newKey(bits = 2048): string {
  return generateKeyPairSync('rsa', {
    modulusLength: bits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey
}

const oids = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  sha256: '2.16.840.1.101.3.4.2.1',
  rsa: '1.2.840.113549.1.1.1',
  messageType: '2.16.840.1.113733.1.9.2',
  pkiStatus: '2.16.840.1.113733.1.9.3',
  failInfo: '2.16.840.1.113733.1.9.4',
  senderNonce: '2.16.840.1.113733.1.9.5',
  recipientNonce: '2.16.840.1.113733.1.9.6',
  transactionId: '2.16.840.1.113733.1.9.7',
} as const

const universal = asn1.Class.UNIVERSAL
const context = asn1.Class.CONTEXT_SPECIFIC

function sequence(...children: Node[]): Node {
  return asn1.create(universal, asn1.Type.SEQUENCE, true, children)
}

function set(...children: Node[]): Node {
  return asn1.create(universal, asn1.Type.SET, true, children)
}

function tagged(tag: number, ...children: Node[]): Node {
  return asn1.create(context, tag, true, children)
}

function objectId(oid: string): Node {
  return asn1.create(universal, asn1.Type.OID, false, asn1.oidToDer(oid).getBytes())
}

function octets(value: Buffer): Node {
  return asn1.create(universal, asn1.Type.OCTETSTRING, false, value.toString('latin1'))
}

function printable(value: string): Node {
  return asn1.create(universal, asn1.Type.PRINTABLESTRING, false, value)
}

function integer(value: number): Node {
  return asn1.create(universal, asn1.Type.INTEGER, false, String.fromCharCode(value))
}

function algorithm(oid: string): Node {
  return sequence(objectId(oid), asn1.create(universal, asn1.Type.NULL, false, ''))
}

function der(node: Node): Buffer {
  return Buffer.from(asn1.toDer(node).getBytes(), 'latin1')
}

function parse(bytes: Uint8Array): Node {
  return asn1.fromDer(Buffer.from(bytes).toString('latin1'))
}

function childrenOf(node: Node | undefined): Node[] {
  if (node === undefined || !Array.isArray(node.value))
    throw new Error('not what was expected in this message')
  return node.value
}

/** Octets, in one piece or several. */
function bytesOf(node: Node | undefined): Buffer {
  if (node === undefined) throw new Error('something is missing in this message')
  if (Array.isArray(node.value)) return Buffer.concat(node.value.map(bytesOf))
  return Buffer.from(node.value, 'latin1')
}

interface SignOptions {
  readonly detached?: boolean
  /** Further signed attributes. */
  readonly attributes?: readonly (readonly [oid: string, value: Node])[]
}

/** A CMS signature over `content`, with attributes, as devices make it. */
export function signedMessage(content: Buffer, signer: DeviceIdentity, options: SignOptions = {}): Buffer {
  const certificate = forge.pki.certificateToAsn1(forge.pki.certificateFromPem(signer.certificate))
  const [toBeSigned] = childrenOf(certificate)
  const fields = childrenOf(toBeSigned)
  const [, serial, , issuer] = fields
  if (serial === undefined || issuer === undefined) throw new Error('not a certificate')
  const digest = createHash('sha256').update(content).digest()
  const attributes = [
    sequence(objectId(oids.contentType), set(objectId(oids.data))),
    sequence(objectId(oids.messageDigest), set(octets(digest))),
    ...(options.attributes ?? []).map(([oid, value]) => sequence(objectId(oid), set(value))),
  ]
  // DER: the members of a set in the order of their bytes.
  const sorted = attributes
    .map((node) => ({ node, bytes: der(node) }))
    .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ node }) => node)
  const signature = signBytes('sha256', der(set(...sorted)), signer.key)
  const signerInfo = sequence(
    integer(1),
    sequence(issuer, serial),
    algorithm(oids.sha256),
    tagged(0, ...sorted),
    algorithm(oids.rsa),
    octets(signature),
  )
  const encapsulated = options.detached
    ? sequence(objectId(oids.data))
    : sequence(objectId(oids.data), tagged(0, octets(content)))
  const signedData = sequence(
    integer(1),
    set(algorithm(oids.sha256)),
    encapsulated,
    tagged(0, certificate),
    set(signerInfo),
  )
  return der(sequence(objectId(oids.signedData), tagged(0, signedData)))
}

export interface OpenedMessage {
  readonly content: Buffer
  /** By object identifier, the bytes of the first value. */
  readonly attributes: ReadonlyMap<string, Buffer>
  readonly signer: X509Certificate
}

/** Reads a signed message and checks its signature. @throws when it does not fit */
export function openSigned(message: Uint8Array): OpenedMessage {
  const [type, wrapped] = childrenOf(parse(message))
  if (type === undefined || asn1.derToOid(type.value as string) !== oids.signedData)
    throw new Error('not a signed message')
  const parts = childrenOf(childrenOf(wrapped)[0])
  const [, , encapsulated] = parts
  const certificates = parts.find(({ tagClass, type: tag }) => tagClass === context && (tag as number) === 0)
  const [signerInfo] = childrenOf(parts.at(-1))
  const [, sid, , attributes, , signature] = childrenOf(signerInfo)
  const [, inner] = childrenOf(encapsulated)
  const content = inner === undefined ? Buffer.alloc(0) : bytesOf(childrenOf(inner)[0])
  const serial = childrenOf(sid)[1]?.value
  const signer = childrenOf(certificates)
    .map((node) => new X509Certificate(der(node)))
    .find(
      ({ serialNumber }) =>
        BigInt(`0x${serialNumber}`) === BigInt(`0x${forge.util.bytesToHex(serial as string)}`),
    )
  if (signer === undefined || attributes === undefined) throw new Error('the signer is not in the message')
  const values = new Map(
    childrenOf(attributes).map((attribute) => {
      const [name, found] = childrenOf(attribute)
      return [asn1.derToOid(name?.value as string), bytesOf(childrenOf(found)[0])] as const
    }),
  )
  if (!values.get(oids.messageDigest)?.equals(createHash('sha256').update(content).digest()))
    throw new Error('another content was signed')
  const signed = der(set(...childrenOf(attributes)))
  const verified = createVerify('sha256').update(signed).verify(signer.publicKey, bytesOf(signature))
  if (!verified) throw new Error('the signature does not fit')
  return { content, attributes: values, signer }
}

/** What was encrypted to this identity. */
export function decrypted(message: Uint8Array, { certificate, key }: DeviceIdentity): Buffer {
  const enveloped = forge.pkcs7.messageFromAsn1(
    parse(message),
  ) as forge.pkcs7.Captured<forge.pkcs7.PkcsEnvelopedData>
  const recipient = enveloped.findRecipient(forge.pki.certificateFromPem(certificate))
  if (recipient === null) throw new Error('not encrypted to this device')
  enveloped.decrypt(recipient, forge.pki.privateKeyFromPem(key))
  const { content } = enveloped
  if (content === undefined || typeof content === 'string') throw new Error('cannot be decrypted')
  return Buffer.from(content.getBytes(), 'latin1')
}

export interface ScepRequest {
  readonly authority: X509Certificate
  readonly key: string
  readonly commonName: string
  readonly organisation?: string
  readonly challenge?: string
  /** The identity that is renewed: it signs instead of a certificate that the request makes itself. */
  readonly renews?: DeviceIdentity
  readonly transactionId?: string
}

export interface PreparedRequest {
  readonly message: Buffer
  readonly transactionId: string
  readonly senderNonce: Buffer
  /** To whom the answer is encrypted. */
  readonly signer: DeviceIdentity
}

/** PKCSReq, or RenewalReq when it renews (RFC 8894, 3.3). */
export function scepRequest(request: ScepRequest): PreparedRequest {
  const { authority, key, renews } = request
  const csr = forge.pki.createCertificationRequest()
  const privateKey = forge.pki.privateKeyFromPem(key)
  const subject = [
    ...(request.organisation === undefined
      ? []
      : [{ name: 'organizationName', value: request.organisation }]),
    { name: 'commonName', value: request.commonName },
  ]
  csr.publicKey = forge.pki.publicKeyFromPem(
    createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
  )
  csr.setSubject(subject)
  if (request.challenge !== undefined)
    csr.setAttributes([{ name: 'challengePassword', value: request.challenge }])
  csr.sign(privateKey, forge.md.sha256.create())
  const signer = renews ?? { key, certificate: selfSigned(key, subject) }
  const envelope = forge.pkcs7.createEnvelopedData()
  envelope.addRecipient(forge.pki.certificateFromPem(authority.toString()))
  envelope.content = forge.util.createBuffer(
    der(forge.pki.certificationRequestToAsn1(csr)).toString('latin1'),
  )
  envelope.encrypt(undefined, forge.pki.oids['aes256-CBC'] as string)
  const transactionId =
    request.transactionId ??
    createHash('sha256')
      .update(createPublicKey(key).export({ type: 'spki', format: 'der' }))
      .digest('hex')
  const senderNonce = randomBytes(16)
  const message = signedMessage(der(envelope.toAsn1()), signer, {
    attributes: [
      [oids.messageType, printable(renews === undefined ? '19' : '17')],
      [oids.transactionId, printable(transactionId)],
      [oids.senderNonce, octets(senderNonce)],
    ],
  })
  return { message, transactionId, senderNonce, signer }
}

function selfSigned(key: string, subject: forge.pki.CertificateField[]): string {
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(
    createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
  )
  certificate.serialNumber = '01'
  certificate.validity.notBefore = new Date(Date.now() - 60_000)
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000)
  certificate.setSubject(subject)
  certificate.setIssuer(subject)
  certificate.sign(forge.pki.privateKeyFromPem(key), forge.md.sha256.create())
  return forge.pki.certificateToPem(certificate)
}

/** The certificate in a CertRep. @throws with failInfo when it was refused */
export function scepAnswer(
  answer: Uint8Array,
  prepared: PreparedRequest,
  authority: X509Certificate,
): string {
  const { content, attributes, signer } = openSigned(answer)
  if (signer.fingerprint256 !== authority.fingerprint256) throw new Error('answered by another authority')
  if (attributes.get(oids.transactionId)?.toString('latin1') !== prepared.transactionId)
    throw new Error('the answer is to another request')
  if (!attributes.get(oids.recipientNonce)?.equals(prepared.senderNonce))
    throw new Error('the answer is to an earlier request')
  const status = attributes.get(oids.pkiStatus)?.toString('latin1')
  if (status !== '0')
    throw new Error(`SCEP: status ${status}, failInfo ${attributes.get(oids.failInfo)?.toString('latin1')}`)
  const degenerate = forge.pkcs7.messageFromAsn1(
    parse(decrypted(content, prepared.signer)),
  ) as forge.pkcs7.Captured<forge.pkcs7.PkcsSignedData>
  const [certificate] = degenerate.certificates
  if (certificate === undefined) throw new Error('there is no certificate in the answer')
  return forge.pki.certificateToPem(certificate)
}
