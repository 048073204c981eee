/** Where the OCSP responder is, on the enrollment listener. It stands in certificates: it never changes. */
export const ocspPath = '/ocsp'
