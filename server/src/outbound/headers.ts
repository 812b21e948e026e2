// Headers as the way out sends and hands them on.

export function buildHeaders(given: Record<string, string> = {}): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': 'darkroom' }
  for (const name of Object.keys(given)) headers[name.toLowerCase()] = given[name] as string
  // A compressed answer could unpack to any size, and pictures do not shrink.
  headers['accept-encoding'] = 'identity'
  return headers
}

/** In place, for undici makes them anew for each answer: a copy would be a fortieth of what a poll costs. */
export function joinHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (Array.isArray(value)) headers[name] = value.join(', ')
    else if (value === undefined) delete headers[name]
  }
  return headers as Record<string, string>
}
