// RFC 7240: how long the caller wants to wait. Malformed values are ignored, as the RFC asks.

/** Milliseconds to wait before a 202, or null to wait until the generation has ended. */
export function readPreferredWaitMs(header: string | undefined): { waitMs: number; applied: string } | null {
  if (!header) return null
  const preferences = header.split(',').map(each => each.trim().toLowerCase())
  const wait = preferences
    .map(each => /^wait\s*=\s*"?(\d{1,6})"?$/.exec(each)?.[1])
    .find(each => each !== undefined)
  if (wait !== undefined) return { waitMs: Number(wait) * 1000, applied: `wait=${Number(wait)}` }
  return preferences.includes('respond-async') ? { waitMs: 0, applied: 'respond-async' } : null
}
