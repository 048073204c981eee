import { readableBody } from '../clients/protocol.ts'
import type { ClientSide } from './client-side.ts'
import { HeldBytes } from './listener/held-bytes.ts'

/**
 * Reads the small body of a sign-in whole; the relay sends the same bytes on. It costs what its bytes cost, in however
 * many pieces they come.
 * @throws ClientBodyError `limit.body-size` above 64 KiB, or what `most` says
 */
export async function readSmallBody(client: ClientSide, most = readableBody): Promise<Uint8Array> {
  client.limitBody(most)
  const body = new HeldBytes()
  for await (const chunk of client.body ?? []) body.append(chunk as Uint8Array)
  return body.take()
}
