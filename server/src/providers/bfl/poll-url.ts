// Where a task is read. The vendor names an address on another of its hosts and wants the key there; an address that
// is not the vendor's must not get it, whoever put it into the answer.

// Its regions are api.eu.bfl.ai, api.us.bfl.ai and numbered hosts below them.
const VENDOR_DOMAIN = 'bfl.ai'

/**
 * The address that was handed out, where it is the vendor's: https on a host of its domain, or the configured host.
 * Else the vendor's general address for results at the configured host, which never gets further than a paid task
 * that it does not know.
 */
export function choosePollUrl(baseUrl: string, id: string, handedOut: string | undefined): string {
  if (handedOut !== undefined && isOfVendor(handedOut, baseUrl)) return handedOut
  return `${baseUrl}/get_result?id=${encodeURIComponent(id)}`
}

export function isOfVendor(text: string, baseUrl: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const configured = new URL(baseUrl)
  if (url.username !== '' || url.password !== '') return false
  // Another port of the operator's own host and scheme: a gateway or an emulator in the vendor's place.
  if (url.protocol === configured.protocol && url.hostname === configured.hostname) return true
  if (url.protocol !== 'https:' || url.port !== '') return false
  return url.hostname === VENDOR_DOMAIN || url.hostname.endsWith(`.${VENDOR_DOMAIN}`)
}
