// What is in flight of a key: its asynchronous generations, whichever API took them, in one count. Each API has its own
// cap on that count; synchronous calls hold a connection instead and are not in it.

/** Larger than what a process ever takes; still counted, because the other API has a cap. */
const noCap = 2_147_483_647

/** The counter that an asynchronous order raises. `cap` 0 = none. */
export function slotsOfKey(keyId: string, cap: number): { scope: string; cap: number }[] {
  return [{ scope: `key:${keyId}`, cap: cap > 0 ? cap : noCap }]
}
