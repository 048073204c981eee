/** The few WBXML documents of ActiveSync (MS-ASWBXML) that the simulated mail server reads and writes. */

type Element = readonly [tag: number, content: string | readonly Element[]]

/** A document in one code page; tags as in MS-ASWBXML 2.1.2.1, without the content bit. */
function document(page: number, root: Element): Buffer {
  return Buffer.concat([Buffer.from([0x03, 0x01, 0x6a, 0x00, 0x00, page]), encode(root)])
}

function encode([tag, content]: Element): Buffer {
  const inner =
    typeof content === 'string'
      ? Buffer.concat([Buffer.from([0x03]), Buffer.from(content, 'utf8'), Buffer.from([0x00])])
      : Buffer.concat(content.map(encode))
  return Buffer.concat([Buffer.from([tag | 0x40]), inner, Buffer.from([0x01])])
}

/** FolderSync's answer: everything is new. */
export function folders(names: readonly string[]): Buffer {
  const added = names.map(
    (name, index): Element => [
      0x0f,
      [
        [0x08, String(index + 1)],
        [0x09, '0'],
        [0x07, name],
        [0x0a, String(index + 2)],
      ],
    ],
  )
  const changes: Element = [0x0e, [[0x17, String(names.length)], ...added]]
  return document(7, [0x16, [[0x0c, '1'], [0x12, '1'], changes]])
}

/** Provision's answer with a policy key: first a temporary one, then the final one. */
export function provisionPolicy(key: string): Buffer {
  const policy: Element = [
    0x07,
    [
      [0x08, 'MS-EAS-Provisioning-WBXML'],
      [0x0b, '1'],
      [0x09, key],
    ],
  ]
  return document(0x0e, [
    0x05,
    [
      [0x0b, '1'],
      [0x06, [policy]],
    ],
  ])
}

/** Ping's answer: 1 the heartbeat has passed, 2 there are changes. */
export function pingStatus(status: number): Buffer {
  return document(0x0d, [0x05, [[0x07, String(status)]]])
}

/** A Ping request, as a phone sends it. */
export function pingRequest(seconds: number): Buffer {
  return document(0x0d, [0x05, [[0x08, String(seconds)]]])
}

/** Sync's answer without a body means: no changes. */
export const syncNothing = Buffer.alloc(0)

export function heartbeatOf(body: Buffer): number | undefined {
  const text = stringIn(body, 0x48)
  return text === undefined ? undefined : Number(text)
}

/** The policy key that a Provision request acknowledges. */
export function provisionRequestKey(body: Buffer): string | undefined {
  return stringIn(body, 0x49)
}

/** The inline string of digits inside the first element with this tag byte. */
function stringIn(body: Buffer, tag: number): string | undefined {
  const start = body.indexOf(Buffer.from([tag, 0x03]))
  const end = start < 0 ? -1 : body.indexOf(0, start)
  return end < 0 ? undefined : body.toString('latin1', start + 2, end)
}
