// Owns the cutting of a prompt into phrases of the lexicon: plurals, numbers, the longest phrase first.
import { namedColours } from './colour.ts'
import {
  type Feature,
  type Framing,
  featureWords,
  framingWords,
  type Mood,
  moodWords,
  type Season,
  type StyleName,
  seasonWords,
  settingWords,
  styleWords,
  type Time,
  timeWords,
  type Weather,
  weatherWords,
} from './lexicon.ts'
import {
  accessoryWords,
  countWords,
  partWords,
  type Relation,
  relationWords,
  sceneryWords,
  sizeWords,
  traitWords,
} from './lexicon-subjects.ts'
import type { SettingName, Subject } from './subject.ts'

/** What a phrase can mean; many phrases mean several things. */
export type Meaning =
  | { kind: 'setting'; value: SettingName }
  | { kind: 'time'; value: Time }
  | { kind: 'weather'; value: Weather }
  | { kind: 'season'; value: Season }
  | { kind: 'style'; value: StyleName }
  | { kind: 'feature'; value: Feature }
  | { kind: 'mood'; value: Mood }
  | { kind: 'framing'; value: Framing }
  | { kind: 'trait'; value: string }
  | { kind: 'relation'; value: Relation }
  | { kind: 'size'; value: number }
  | { kind: 'count'; value: number }
  | { kind: 'colour'; value: string }
  | { kind: 'part'; value: string }
  | { kind: 'scenery'; value: 'sky' | 'water' | 'ground' | 'backdrop' }
  | { kind: 'accessory'; value: string }
  | { kind: 'subject'; value: Subject }

export type Dictionary = { meanings: Map<string, Meaning[]>; longest: number }

const irregular: Readonly<Record<string, string>> = {
  mice: 'mouse',
  geese: 'goose',
  wolves: 'wolf',
  leaves: 'leaf',
  people: 'person',
  children: 'child',
  men: 'man',
  women: 'woman',
  feet: 'foot',
  knives: 'knife',
  shelves: 'shelf',
  loaves: 'loaf',
  oxen: 'ox',
  cacti: 'cactus',
  octopi: 'octopus',
  fishes: 'fish',
  ladies: 'lady',
  foxes: 'fox',
  calves: 'calf',
  scarves: 'scarf',
  elves: 'elf',
}

/** The forms a word may have in the lexicon, likeliest first. */
function singularsOf(word: string): string[] {
  const forms = [word]
  const known = irregular[word]
  if (known) forms.push(known)
  if (word.length > 3 && word.endsWith('ies')) forms.push(`${word.slice(0, -3)}y`, word.slice(0, -1))
  if (word.length > 3 && word.endsWith('es')) forms.push(word.slice(0, -2))
  if (word.length > 3 && word.endsWith('s') && !word.endsWith('ss')) forms.push(word.slice(0, -1))
  return forms
}

function buildDictionary(subjects: readonly Subject[]): Dictionary {
  const meanings = new Map<string, Meaning[]>()
  let longest = 1
  const add = (words: string, meaning: Meaning): void => {
    for (const phrase of words.split(',')) {
      const key = phrase.trim()
      if (key === '') continue
      longest = Math.max(longest, key.split(' ').length)
      const list = meanings.get(key)
      if (list) list.push(meaning)
      else meanings.set(key, [meaning])
    }
  }
  const addAll = (table: Readonly<Record<string, string | undefined>>, kind: Meaning['kind']): void => {
    for (const [value, words] of Object.entries(table))
      add(words ?? '', { kind, value } as unknown as Meaning)
  }
  addAll(settingWords, 'setting')
  addAll(timeWords, 'time')
  addAll(weatherWords, 'weather')
  addAll(seasonWords, 'season')
  addAll(styleWords, 'style')
  addAll(featureWords, 'feature')
  addAll(moodWords, 'mood')
  addAll(framingWords, 'framing')
  addAll(traitWords, 'trait')
  addAll(relationWords, 'relation')
  addAll(accessoryWords, 'accessory')
  for (const [word, value] of Object.entries(sizeWords)) add(word, { kind: 'size', value })
  for (const [word, value] of Object.entries(countWords)) add(word, { kind: 'count', value })
  for (const [word, value] of Object.entries(namedColours)) add(word, { kind: 'colour', value })
  for (const [word, value] of Object.entries(partWords)) add(word, { kind: 'part', value })
  for (const [word, value] of Object.entries(sceneryWords)) add(word, { kind: 'scenery', value })
  for (const subject of subjects) add(subject.words, { kind: 'subject', value: subject })
  return { meanings, longest }
}

const dictionaries = new WeakMap<readonly Subject[], Dictionary>()

/** The dictionary over the lexicon and these subjects; built once. */
export function getDictionary(subjects: readonly Subject[]): Dictionary {
  const known = dictionaries.get(subjects)
  if (known) return known
  const built = buildDictionary(subjects)
  dictionaries.set(subjects, built)
  return built
}

export type Token = { text: string; meanings: Meaning[]; plural: boolean; comma: boolean }

function findPhrase(words: string[], dictionary: Dictionary): { length: number; token: Token } | null {
  for (let length = Math.min(dictionary.longest, words.length); length >= 1; length--) {
    const slice = words.slice(0, length)
    if (slice.includes(',')) continue
    const last = slice[length - 1] ?? ''
    for (const form of singularsOf(last)) {
      const key = [...slice.slice(0, -1), form].join(' ')
      const meanings = dictionary.meanings.get(key)
      if (meanings) return { length, token: { text: key, meanings, plural: form !== last, comma: false } }
    }
  }
  return null
}

/** Cuts a prompt into the longest phrases the dictionary knows. */
export function readTokens(prompt: string, dictionary: Dictionary): Token[] {
  const words = prompt
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[\u0300-\u036f'’]/g, '')
    .replace(/[.,;:!?()[\]{}|/\n"“”—–]+/g, ' , ')
    .replace(/[^\p{L}\p{N},]+/gu, ' ')
    .split(' ')
    .filter(word => word !== '')
  const tokens: Token[] = []
  for (let i = 0; i < words.length; ) {
    const word = words[i] ?? ''
    const found = word === ',' ? null : findPhrase(words.slice(i, i + dictionary.longest), dictionary)
    if (found) tokens.push(found.token)
    else tokens.push({ text: word, meanings: toNumber(word), plural: false, comma: word === ',' })
    i += found?.length ?? 1
  }
  return tokens
}

const toNumber = (word: string): Meaning[] =>
  /^[1-9]\d?$/.test(word) ? [{ kind: 'count', value: Number(word) }] : []
