// The word list as a judge: whole words and phrases, in whatever letters of Unicode they are written. It reads texts
// only. A list is a plain list, so it knows no context: keep it to words that mean one thing.
import type { Judge } from './moderation.ts'

/** Invisible letters that split a word for a machine and not for a reader. */
const invisible = /\p{Cf}|\p{Variation_Selector}/gu
/** Accents over Latin, Greek and Cyrillic; signs of other scripts are letters of their own and stay. */
const accents = /[\u0300-\u036f]/gu
const word = /[\p{L}\p{N}\p{M}]+/gu
/** Written without spaces between words: entries in them match anywhere. */
const unspaced =
  /\p{sc=Han}|\p{sc=Hiragana}|\p{sc=Katakana}|\p{sc=Thai}|\p{sc=Lao}|\p{sc=Khmer}|\p{sc=Myanmar}/u

/** Letters of one look: full-width, circled, accented and capital ones become plain small ones. */
export function normalizeText(text: string): string {
  return text.normalize('NFKD').replace(invisible, '').replace(accents, '').toLowerCase().normalize('NFC')
}

/** One entry a line; `#` begins a comment; a `*` at the end takes every ending. */
export function parseWordList(text: string): string[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map(line => line.replace(/#.*/, '').trim())
    .filter(line => line !== '')
}

const category = 'word_list'

/** Throws where an entry holds no word. */
export function createWordJudge(entries: readonly string[]): Judge {
  const matchers = entries.map(toMatcher)
  return {
    judgeText: async text => {
      const normal = normalizeText(text)
      // Words with one space around each, so that an entry is found by its edges.
      const spaced = ` ${(normal.match(word) ?? []).join(' ')} `
      const isFlagged = matchers.some(matches => matches(spaced, normal))
      return { isFlagged, categories: isFlagged ? [category] : [] }
    },
    judgePicture: null,
  }
}

function toMatcher(entry: string): (spaced: string, normal: string) => boolean {
  const isOpen = entry.trimEnd().endsWith('*')
  const normal = normalizeText(entry)
  const words = normal.match(word) ?? []
  if (words.length === 0)
    throw new Error(`the word list has an entry without a word: ${JSON.stringify(entry)}`)
  if (unspaced.test(normal)) {
    const piece = words.join('')
    return (_spaced, whole) => whole.replace(/\s+/gu, '').includes(piece)
  }
  const sought = ` ${words.join(' ')}${isOpen ? '' : ' '}`
  return spaced => spaced.includes(sought)
}
