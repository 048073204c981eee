/** Messages of an NTLM handshake as clients send them (MS-NLMP 2.2.1), without real proofs. */
export function ntlmNegotiate(): Buffer {
  const message = Buffer.alloc(32)
  message.write('NTLMSSP\0', 'latin1')
  message.writeUInt32LE(1, 8)
  return message
}

export function ntlmAuthenticate(
  domain: string,
  user: string,
  encoding: 'utf16le' | 'latin1' = 'utf16le',
): Buffer {
  const header = Buffer.alloc(64)
  header.write('NTLMSSP\0', 'latin1')
  header.writeUInt32LE(3, 8)
  header.writeUInt32LE(encoding === 'utf16le' ? 1 : 2, 60)
  const domainBytes = Buffer.from(domain, encoding)
  const userBytes = Buffer.from(user, encoding)
  writeField(header, 28, domainBytes.length, 64)
  writeField(header, 36, userBytes.length, 64 + domainBytes.length)
  return Buffer.concat([header, domainBytes, userBytes])
}

function writeField(header: Buffer, at: number, length: number, offset: number): void {
  header.writeUInt16LE(length, at)
  header.writeUInt16LE(length, at + 2)
  header.writeUInt32LE(offset, at + 4)
}

/** A further token of SPNEGO (RFC 4178 4.2.2) around it. */
export function wrapped(token: Buffer): Buffer {
  return der(0xa1, der(0x30, der(0xa2, der(0x04, token))))
}

export function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const head = Buffer.from([tag, 0x82, content.length >> 8, content.length & 0xff])
  return Buffer.concat([head, content])
}
