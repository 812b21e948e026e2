// A generation's id as getimg writes it: `req-` and the id's 128 bits in the alphabet of ULIDs, so that ids sort by
// time here too. There is one way to write each.
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const prefix = 'req-'
/** 26 letters of 5 bits hold 130, so the first is at most 7. */
const letters = 26
const pattern = /^req-([0-7][0-9A-HJKMNP-TV-Z]{25})$/

export function toRequestId(generationId: string): string {
  let rest = BigInt(`0x${generationId.replaceAll('-', '')}`)
  let text = ''
  for (let count = 0; count < letters; count += 1) {
    text = alphabet.charAt(Number(rest & 31n)) + text
    rest >>= 5n
  }
  return prefix + text
}

/** The generation's id, or null when the text is no such id. */
export function findGenerationId(requestId: string): string | null {
  const text = pattern.exec(requestId)?.[1]
  if (text === undefined) return null
  let bits = 0n
  for (const letter of text) bits = (bits << 5n) | BigInt(alphabet.indexOf(letter))
  const hex = bits.toString(16).padStart(32, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
