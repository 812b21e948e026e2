// Folds a text to its letters and digits, so that copies of it are found however they were escaped, quoted, wrapped
// or accented on the way: JSON within JSON, URLs, HTML, collapsed white space, another case.

/** The letters as UTF-8, one character a byte, and where in the text each byte came from. */
export type Folded = { bytes: string; starts: number[]; ends: number[] }

// One escape, or else one character. Any number of backslashes, because JSON is put into JSON.
const pieces =
  /\\+u(?<hex>[0-9a-f]{4})|\\+x(?<byte>[0-9a-f]{2})|\\+[nrtbfv]|(?<percents>(?:%[0-9a-f]{2})+)|&(?:#(?<code>\d{1,7})|#x(?<point>[0-9a-f]{1,6})|(?:amp|lt|gt|quot|apos|nbsp));|[\s\S]/giu

export function foldText(text: string): Folded {
  const folded: Folded = { bytes: '', starts: [], ends: [] }
  const bytes: string[] = []
  const put = (letters: string, start: number, end: number): void => {
    for (const byte of Buffer.from(foldLetters(letters), 'utf8')) {
      bytes.push(String.fromCharCode(byte))
      folded.starts.push(start)
      folded.ends.push(end)
    }
  }
  let high: { unit: string; start: number } | null = null
  for (const { 0: piece, index, groups = {} } of text.matchAll(pieces)) {
    const end = index + piece.length
    const unit = groups.hex === undefined ? null : String.fromCharCode(Number.parseInt(groups.hex, 16))
    if (unit !== null && unit >= '\ud800' && unit <= '\udbff') {
      high = { unit, start: index }
      continue
    }
    if (unit !== null) put((high?.unit ?? '') + unit, high?.start ?? index, end)
    else if (groups.percents !== undefined) putPercents(groups.percents, index, put)
    else put(decodePiece(piece, groups), index, end)
    high = null
  }
  folded.bytes = bytes.join('')
  return folded
}

function decodePiece(piece: string, { byte, code, point }: Record<string, string | undefined>): string {
  if (byte !== undefined) return String.fromCharCode(Number.parseInt(byte, 16))
  if (code !== undefined) return fromCodePoint(Number(code))
  if (point !== undefined) return fromCodePoint(Number.parseInt(point, 16))
  return piece.length > 1 && (piece[0] === '\\' || piece[0] === '&') ? '' : piece
}

/** Percent signs carry UTF-8: a character may be up to four of them. */
function putPercents(
  percents: string,
  from: number,
  put: (letters: string, start: number, end: number) => void,
): void {
  const bytes = Buffer.from(percents.replaceAll('%', ''), 'hex')
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] ?? 0
    const length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    put(
      bytes.toString('utf8', at, at + length),
      from + at * 3,
      from + Math.min(at + length, bytes.length) * 3,
    )
    at += length
  }
}

/** Without accents and case; whatever is no letter or digit vanishes. */
function foldLetters(letters: string): string {
  return letters
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
}

function fromCodePoint(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : ''
}
