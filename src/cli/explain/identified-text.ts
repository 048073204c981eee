import type { Identification } from '../../domain/client-identity.ts'
import type { RequestHead, Source, SourceOrigin } from '../../domain/request-head.ts'
import { heading } from '../explanation-text.ts'
import { facts } from '../output.ts'

const origins: Readonly<Record<SourceOrigin, string>> = {
  peer: 'the connection’s own address: it is no trusted proxy',
  'proxy-protocol': 'told by a trusted proxy (PROXY protocol)',
  'x-forwarded-for': 'told by a trusted proxy (X-Forwarded-For)',
  forwarded: 'told by a trusted proxy (Forwarded)',
}

/** Where the address that counts came from. */
export function sourceText({ address, derivedFrom, peer }: Source): string {
  const by = peer === address ? '' : `; connection from ${peer}`
  return `${address}, ${origins[derivedFrom]}${by}`
}

/** What the client protocol read out of the request, and where the source address came from. */
export function identifiedText(head: RequestHead, { keys, user, device, refuse }: Identification): string {
  const certificate = head.connection.clientCertificate
  return heading(
    'Identified',
    facts([
      ['source', sourceText(head.source)],
      [
        'certificate',
        certificate === undefined
          ? 'none'
          : `${certificate.subject.replaceAll('\n', ', ')} (taken as verified)`,
      ],
      ['recognised by', keys.length === 0 ? 'nothing' : keys.map(({ binding }) => binding).join(', ')],
      ['user', user ?? 'not known'],
      ['device id (claimed)', device.claimedId],
      ['device type (claimed)', device.type],
      ['contradiction', refuse],
    ]),
  ).join('\n')
}
