import { lookup as systemLookup } from 'node:dns'
import { BlockList, isIPv4, type LookupFunction } from 'node:net'

/**
 * Guards what an upstream's name may resolve to. A name that is made to point at a link-local or cloud metadata
 * address would turn the gateway into a way to the machine's own secrets. An address that the settings give
 * literally is meant, and is not looked up.
 */
export function guardedLookup(lookup: typeof systemLookup = systemLookup): LookupFunction {
  const forbidden = forbiddenAddresses()
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '')
      const allowed = addresses.filter(
        ({ address }) => !forbidden.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'),
      )
      const first = allowed[0]
      if (first === undefined) return callback(new ForbiddenAddress(hostname), '')
      if (options.all) return callback(null, allowed)
      callback(null, first.address, first.family)
    })
  }
}

class ForbiddenAddress extends Error {
  readonly code = 'UPSTREAM_ADDRESS_FORBIDDEN'

  constructor(hostname: string) {
    super(`${hostname} resolves to link-local or metadata addresses only`)
    this.name = 'ForbiddenAddress'
  }
}

/** IPv4-mapped IPv6 addresses are held against the IPv4 rules by BlockList itself. */
function forbiddenAddresses(): BlockList {
  const list = new BlockList()
  list.addSubnet('0.0.0.0', 8, 'ipv4')
  list.addSubnet('169.254.0.0', 16, 'ipv4')
  // Metadata services outside the link-local range: Alibaba, Azure, Amazon over IPv6.
  list.addAddress('100.100.100.200', 'ipv4')
  list.addAddress('168.63.129.16', 'ipv4')
  list.addAddress('fd00:ec2::254', 'ipv6')
  list.addSubnet('fe80::', 10, 'ipv6')
  list.addAddress('::', 'ipv6')
  return list
}
