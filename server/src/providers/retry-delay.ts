// How long an upstream asks us to wait. The delay stands in one of five places, or nowhere.

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds, at least 0; null where the answer states nothing. */
export function findRetryDelayMs(headers: Record<string, string>, message: string): number | null {
  return (
    readNumberMs(headers['retry-after-ms'], 1) ??
    readNumberMs(headers['retry-after'], 1000) ??
    readDateMs(headers['retry-after'], headers.date) ??
    readResetMs(headers) ??
    readProseMs(message)
  )
}

function readNumberMs(text: string | undefined, unitMs: number): number | null {
  return text !== undefined && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Math.ceil(Number(text) * unitMs) : null
}

/** A date is held against the answer's own Date header, so that no clock of ours is involved. */
function readDateMs(until: string | undefined, answeredAt: string | undefined): number | null {
  if (until === undefined || answeredAt === undefined) return null
  const delayMs = Date.parse(until) - Date.parse(answeredAt)
  return Number.isFinite(delayMs) ? Math.max(0, delayMs) : null
}

/** Several allowances are reported side by side; the used-up ones decide, or all when none is marked so. */
function readResetMs(headers: Record<string, string>): number | null {
  const resets = Object.entries(headers).flatMap(([name, value]) => {
    const allowance = /^x-ratelimit-reset-(.+)$/.exec(name)?.[1]
    const delayMs = allowance === undefined ? null : parseDurationMs(value)
    if (allowance === undefined || delayMs === null) return []
    return [{ delayMs, isUsedUp: headers[`x-ratelimit-remaining-${allowance}`] === '0' }]
  })
  const usedUp = resets.filter(reset => reset.isUsedUp)
  const deciding = usedUp.length > 0 ? usedUp : resets
  return deciding.length === 0 ? null : Math.max(...deciding.map(reset => reset.delayMs))
}

function readProseMs(message: string): number | null {
  const words = /try again in ((?:\d+(?:\.\d+)?\s*[a-z]+\s*)+)/i.exec(message)?.[1]
  return words === undefined ? null : parseDurationMs(words)
}

/** `240ms`, `12s`, `1m2s`, `6m0s`, `2 seconds`. */
function parseDurationMs(text: string): number | null {
  let totalMs: number | null = null
  for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|milliseconds?|[smhd])/gi)) {
    const unitMs = UNIT_MS[/^m(s|illi)/i.test(unit) ? 'ms' : unit.toLowerCase()] ?? 0
    totalMs = (totalMs ?? 0) + Number(amount) * unitMs
  }
  return totalMs === null ? null : Math.ceil(totalMs)
}
