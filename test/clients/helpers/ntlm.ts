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
