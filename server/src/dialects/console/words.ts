// Numbers and spans of time as the operator's pages say them.

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** How long something takes: `840 ms`, `4.2 s`, `3 min`, `5 h`. */
export function showSpan(ms: number): string {
  if (ms < second) return `${Math.round(ms)} ms`
  if (ms < 9.95 * second) return `${(ms / second).toFixed(1)} s`
  if (ms < 99.5 * second) return `${Math.round(ms / second)} s`
  if (ms < 99.5 * minute) return `${Math.round(ms / minute)} min`
  if (ms < 2 * day) return `${Math.round(ms / hour)} h`
  return `${Math.round(ms / day)} days`
}

/** How long ago something was, in whole steps: a page that is read anew every few seconds must not flicker. */
export function showAge(at: Date, now: Date): string {
  const ms = now.getTime() - at.getTime()
  if (ms < minute) return 'just now'
  if (ms < 100 * minute) return `${Math.floor(ms / minute)} min ago`
  if (ms < 2 * day) return `${Math.floor(ms / hour)} h ago`
  return `${Math.floor(ms / day)} days ago`
}

/** Sums below a cent are shown to four places, so that a picture of half a cent is not nothing. */
export function showUsd(usdMicro: number): string {
  const usd = usdMicro / 1_000_000
  return `$${usd.toFixed(usd !== 0 && Math.abs(usd) < 0.1 ? 4 : 2)}`
}

/** Never 100 % while a call has failed, and never 0 % while one has not. */
export function showShare(part: number, whole: number): string {
  const percent = (100 * part) / whole
  const rounded = Math.round(percent)
  if (rounded === 100 && part < whole) return '>99 %'
  if (rounded === 0 && part > 0) return '<1 %'
  return `${rounded} %`
}

export function showCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 route`, `2 routes`. */
export function showNumberOf(count: number, thing: string): string {
  return `${showCount(count)} ${thing}${count === 1 ? '' : 's'}`
}

/** `14:03:09 UTC`. */
export function showClock(at: Date): string {
  return `${at.toISOString().slice(11, 19)} UTC`
}
