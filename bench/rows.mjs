// How a bench tells what it found: its last line is one JSON document whose rows `bench/all.mjs` puts into a table.

/** `isMet`: whether the target is met; null where there is none. `command` reproduces the row by itself. */
export function report(bench, rows) {
  console.log(JSON.stringify({ bench, rows }))
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** The value below which the given share lies. */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
