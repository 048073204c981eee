import { VendorError } from '../connector.ts'

/** The whole body as text. @throws VendorError `protocol` when it is longer than `maxBytes` */
export async function readBounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  host: string,
): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.byteLength
    if (bytes > maxBytes)
      throw new VendorError('protocol', `an answer of ${host} is longer than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
