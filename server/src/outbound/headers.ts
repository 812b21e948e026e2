// Headers as the way out sends and hands them on.

export function buildHeaders(given: Record<string, string> = {}): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': 'darkroom' }
  for (const [name, value] of Object.entries(given)) headers[name.toLowerCase()] = value
  // A compressed answer could unpack to any size, and pictures do not shrink.
  headers['accept-encoding'] = 'identity'
  return headers
}

export function joinHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return joined
}
