// What is in flight of a key: its asynchronous generations, whichever API took them, in one count. Each API has its own
// cap on that count; synchronous calls hold a connection instead and are not in it.

/**
 * The counter that an asynchronous order raises. `cap` 0 = none: a key or plan without a cap has none in either API, and
 * its orders need not wait for each other at one row.
 */
export function slotsOfKey(keyId: string, cap: number): { scope: string; cap: number }[] {
  return cap > 0 ? [{ scope: `key:${keyId}`, cap }] : []
}
