// Guards the word list: whole words in whatever letters they are written, and nothing that only contains them.
import { expect, test } from 'vitest'
import { cpuMsOf } from '../../test/cpu-time.ts'
import { defaultWords } from './default-words.ts'
import { createWordJudge, normalizeText, parseWordList } from './words.ts'

const judge = createWordJudge(['forbidden', 'bad phrase', 'zap*', 'naïve', '禁止', 'запрет', 'ß-test'])
const isFlagged = async (text: string) => (await judge.judgeText(text)).isFlagged

test('words are found as words, phrases as phrases, open ends as beginnings', async () => {
  for (const text of [
    'forbidden',
    'a FORBIDDEN tree',
    '"forbidden!"',
    'for\u00adbidden',
    'for\u200bbidden',
    'ｆｏｒｂｉｄｄｅｎ',
    'ⓕⓞⓡⓑⓘⓓⓓⓔⓝ',
    'fórbidden',
    'fo\u0301rbidden',
    '𝐟𝐨𝐫𝐛𝐢𝐝𝐝𝐞𝐧',
    'a bad  phrase',
    'bad-phrase',
    'bad\nphrase',
    'zap',
    'zapped it',
    'NAIVE',
    'im 禁止 Wald',
    '这是禁止的',
    'ЗАПРЕТ',
    'ß test',
  ]) {
    expect([text, await isFlagged(text)]).toEqual([text, true])
  }
})

test('what only contains them passes', async () => {
  for (const text of [
    '',
    'unforbidden',
    'forbiddenly',
    'for bidden',
    'bad rephrase',
    'a bad red phrase',
    'bads phrase',
    'unzapped',
    'native',
    '禁 and 止 apart, with a word between them',
    'запретный',
    'a quiet harbour at dawn, two fishing boats',
  ]) {
    expect([text, await isFlagged(text)]).toEqual([text, false])
  }
})

test('normalising keeps the signs of scripts that need them', () => {
  expect(normalizeText('हिन्दी')).toBe('हिन्दी')
  expect(normalizeText('ＡＢＣ①é')).toBe('abc1e')
})

test('a file is read line by line, without comments, marks and white space', () => {
  expect(parseWordList('\ufeff# head\r\n\r\n one two \nthree* # why\n#\n')).toEqual(['one two', 'three*'])
  expect(() => createWordJudge(['***'])).toThrow(/without a word/)
})

test('the list that ships finds what it is for and leaves art, anatomy and childhood alone', async () => {
  const shipped = createWordJudge(defaultWords)
  const flagged = async (text: string) => (await shipped.judgeText(text)).isFlagged
  for (const text of ['Child Pornography', 'a ｐｒｅｔｅｅｎ nudes set', 'LOLICON art', 'snuff films']) {
    expect([text, await flagged(text)]).toEqual([text, true])
  }
  for (const text of [
    'a child on a swing in summer',
    'a nude study in charcoal, after Rodin',
    'a kid goat and its mother',
    'a minor chord, drawn as a landscape',
    'mother breastfeeding her baby, renaissance painting',
    'a snuff box of silver',
    'Essex, Sussex and Middlesex on an old map',
  ]) {
    expect([text, await flagged(text)]).toEqual([text, false])
  }
})

test('a long prompt against a long list takes a moment only', async () => {
  const long = createWordJudge(Array.from({ length: 5_000 }, (_, index) => `word${index} and more`))
  const text = 'a boat on a lake '.repeat(1_800)
  const spentMs = await cpuMsOf(async () => expect((await long.judgeText(text)).isFlagged).toBe(false))
  expect(spentMs).toBeLessThan(1_000)
})
