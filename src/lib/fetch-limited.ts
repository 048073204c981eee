import { request } from 'undici'

/** Outbound GET for small documents (JWKS, discovery): no redirects, a size and a time limit, no credentials. */
export async function fetchLimited(url: URL, limits = { bytes: 256 * 1024, milliseconds: 5_000 }) {
  const response = await request(url, {
    signal: AbortSignal.timeout(limits.milliseconds),
    headers: { accept: 'application/json' },
  })
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += (chunk as Uint8Array).byteLength
    if (size > limits.bytes) throw new Error(`the answer of ${url.host} is longer than ${limits.bytes} bytes`)
    chunks.push(chunk as Uint8Array)
  }
  return { status: response.statusCode, body: Buffer.concat(chunks).toString('utf8') }
}
