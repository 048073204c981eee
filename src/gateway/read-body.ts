import { readableBody } from '../clients/protocol.ts'
import type { ClientSide } from './client-side.ts'

/**
 * Reads the small body of a sign-in whole; the relay sends the same bytes on.
 * @throws ClientBodyError `limit.body-size` above 64 KiB
 */
export async function readSmallBody(client: ClientSide): Promise<Uint8Array> {
  client.limitBody(readableBody)
  const chunks: Uint8Array[] = []
  for await (const chunk of client.body ?? []) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}
