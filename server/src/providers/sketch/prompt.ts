// Owns the reading of a prompt: words in, wishes out. It never fails; what it does not know it lists as unknown,
// so that the composer can still make something of it. It decides nothing by chance.
import { darken, lighten, namedColours, saturate } from './colour.ts'
import {
  countWords,
  type Feature,
  type Framing,
  featureWords,
  framingWords,
  ignoredWords,
  type Mood,
  moodWords,
  partWords,
  relationWords,
  type Season,
  type StyleName,
  sceneryWords,
  seasonWords,
  settingWords,
  sizeWords,
  styleWords,
  type Time,
  timeWords,
  traitWords,
  type Weather,
  weatherWords,
} from './lexicon.ts'
import type { SettingName, Subject } from './subject.ts'

export type Relation = 'on' | 'wears' | 'holds' | 'under' | 'above' | 'behind' | 'beside'

/** Something the prompt wants to see. */
export type Wish = {
  subject: Subject
  count: number
  /** True when the prompt said how many. */
  counted: boolean
  colours: string[]
  parts: Map<string, string>
  traits: Set<string>
  /** 1 is natural. */
  size: number
  /** How it stands to an earlier wish. */
  relation: { kind: Relation; to: Wish } | null
}

export type Brief = {
  wishes: Wish[]
  settings: SettingName[]
  time: Time | null
  weather: Weather | null
  season: Season | null
  style: StyleName | null
  features: Set<Feature>
  moods: Set<Mood>
  framing: Set<Framing>
  scenery: Map<'sky' | 'water' | 'ground' | 'backdrop', string>
  /** Colours that belong to nothing in particular. */
  palette: string[]
  unknown: string[]
  /** What the negative prompt or a `without` named: features, parts and any other words. */
  banned: Set<string>
}

type Meaning =
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
  | { kind: 'subject'; value: Subject }

type Dictionary = { meanings: Map<string, Meaning[]>; longest: number }

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
  for (const [word, value] of Object.entries(sizeWords)) add(word, { kind: 'size', value })
  for (const [word, value] of Object.entries(countWords)) add(word, { kind: 'count', value })
  for (const [word, value] of Object.entries(namedColours)) add(word, { kind: 'colour', value })
  for (const [word, value] of Object.entries(partWords)) add(word, { kind: 'part', value })
  for (const [word, value] of Object.entries(sceneryWords)) add(word, { kind: 'scenery', value })
  for (const subject of subjects) add(subject.words, { kind: 'subject', value: subject })
  return { meanings, longest }
}

const dictionaries = new WeakMap<readonly Subject[], Dictionary>()

function getDictionary(subjects: readonly Subject[]): Dictionary {
  const known = dictionaries.get(subjects)
  if (known) return known
  const built = buildDictionary(subjects)
  dictionaries.set(subjects, built)
  return built
}

type Token = { text: string; meanings: Meaning[]; plural: boolean; comma: boolean }

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
function readTokens(prompt: string, dictionary: Dictionary): Token[] {
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

type Pending = {
  colours: string[]
  count: number | null
  traits: string[]
  size: number
  relation: Relation | null
}

const nothingPending = (): Pending => ({ colours: [], count: null, traits: [], size: 1, relation: null })

type Reading = { brief: Brief; pending: Pending; tokens: Token[]; banned: boolean; place: number }

const has = (token: Token | undefined, kind: Meaning['kind']): boolean =>
  token?.meanings.some(meaning => meaning.kind === kind) ?? false

/** `orange` before a noun is a colour, alone it is a fruit. */
function isColourHere(reading: Reading): boolean {
  const { tokens, place } = reading
  const token = tokens[place]
  if (!token || !has(token, 'colour') || token.plural) return false
  if (!has(token, 'subject')) return true
  for (let i = place + 1; i < Math.min(tokens.length, place + 4); i++) {
    const next = tokens[i]
    if (has(next, 'subject') || has(next, 'part') || has(next, 'scenery')) return true
    const bridge = has(next, 'colour') || has(next, 'size') || has(next, 'trait')
    if (!bridge && next?.text !== 'and') return false
  }
  return false
}

function shadeOf(previous: string | undefined, colour: string): string {
  if (previous === 'dark' || previous === 'deep') return darken(colour, 0.32)
  if (previous === 'light' || previous === 'pale' || previous === 'soft') return lighten(colour, 0.42)
  if (previous === 'pastel' || previous === 'baby') return lighten(saturate(colour, 0.85), 0.5)
  if (previous === 'bright' || previous === 'neon' || previous === 'vivid') return saturate(colour, 1.3)
  return colour
}

function addWish(reading: Reading, subject: Subject, token: Token): void {
  const { brief, pending } = reading
  if (reading.banned) {
    brief.banned.add(subject.name)
    return
  }
  const counted = pending.count !== null && (pending.count > 1 || !token.plural)
  const known = brief.wishes.findIndex(wish => wish.subject === subject)
  const repeated = known >= 0 && pending.colours.length === 0 && !counted
  const count = counted ? Math.max(1, pending.count ?? 1) : token.plural ? 4 : 1
  const last = brief.wishes.at(-1)
  if (!repeated) {
    brief.wishes.push({
      subject,
      count,
      counted,
      colours: pending.colours,
      parts: new Map(),
      traits: new Set(pending.traits),
      size: pending.size,
      relation: last && pending.relation ? { kind: pending.relation, to: last } : null,
    })
  }
  reading.pending = nothingPending()
}

function flushPending(reading: Reading): void {
  const { brief, pending } = reading
  const last = brief.wishes.at(-1)
  if (pending.colours.length > 0) {
    if (last && last.colours.length === 0) last.colours.push(...pending.colours)
    else brief.palette.push(...pending.colours)
  }
  if (last) for (const trait of pending.traits) last.traits.add(trait)
  reading.pending = { ...nothingPending(), relation: pending.relation }
}

/** A colour before `roof` or `sky` belongs there. True when the token was used up that way. */
function takeColouredPart(reading: Reading, token: Token): boolean {
  const { brief, pending } = reading
  const colour = pending.colours.at(-1)
  const part = token.meanings.find(meaning => meaning.kind === 'part')
  const scenery = token.meanings.find(meaning => meaning.kind === 'scenery')
  const last = brief.wishes.at(-1)
  if (part?.kind === 'part' && last && (colour !== undefined || !has(token, 'subject'))) {
    if (colour !== undefined) last.parts.set(part.value, colour)
    last.traits.add(part.value)
    const worn = has(token, 'subject') && pending.relation === 'wears'
    if (!worn) {
      reading.pending = nothingPending()
      return true
    }
  }
  if (scenery?.kind === 'scenery' && colour !== undefined && !has(token, 'subject')) {
    brief.scenery.set(scenery.value, colour)
    pending.colours = []
  }
  return false
}

function takeMeaning(reading: Reading, meaning: Meaning): void {
  const { brief, pending } = reading
  switch (meaning.kind) {
    case 'setting':
      if (!brief.settings.includes(meaning.value)) brief.settings.push(meaning.value)
      break
    case 'time':
      brief.time ??= meaning.value
      break
    case 'weather':
      brief.weather ??= meaning.value
      break
    case 'season':
      brief.season ??= meaning.value
      break
    case 'style':
      if (brief.style === null || brief.style === 'soft') brief.style = meaning.value
      break
    case 'feature':
      brief.features.add(meaning.value)
      break
    case 'mood':
      brief.moods.add(meaning.value)
      break
    case 'framing':
      brief.framing.add(meaning.value)
      break
    case 'trait':
      pending.traits.push(meaning.value)
      break
    case 'size':
      pending.size *= meaning.value
      break
    case 'count':
      pending.count = meaning.value
      break
    case 'relation':
      pending.relation = meaning.value
      break
    default:
  }
}

/** Scenery words of a setting lose to a subject of the same name only when nothing but a subject can be meant. */
function takeToken(reading: Reading, token: Token): void {
  const { brief, tokens, place } = reading
  if (token.comma) {
    flushPending(reading)
    return
  }
  if (token.text === 'without' || token.text === 'no') {
    reading.banned = true
    return
  }
  if (isColourHere(reading)) {
    const colour = token.meanings.find(meaning => meaning.kind === 'colour')
    if (colour?.kind === 'colour')
      reading.pending.colours.push(shadeOf(tokens[place - 1]?.text, colour.value))
    return
  }
  if (takeColouredPart(reading, token)) return
  const subject = token.meanings.find(meaning => meaning.kind === 'subject')
  const placeWord = has(token, 'setting') || has(token, 'feature')
  const meantAsPlace =
    placeWord && (brief.wishes.length > 0 || laterSubject(reading) || has(token, 'feature'))
  if (subject?.kind === 'subject' && !meantAsPlace) addWish(reading, subject.value, token)
  else if (reading.banned) leaveOut(brief, [token])
  else for (const meaning of token.meanings) takeMeaning(reading, meaning)
  if (token.meanings.length === 0 && !ignoredWords.has(token.text) && token.text.length > 2) {
    brief.unknown.push(token.text)
  }
  if (token.meanings.length > 0) reading.banned = false
  const setting = has(token, 'setting') && !subject
  if (setting) reading.pending = { ...nothingPending(), colours: reading.pending.colours }
}

const laterSubject = ({ tokens, place }: Reading): boolean =>
  tokens.slice(place + 1).some(token => has(token, 'subject') && !has(token, 'setting'))

/** Reads a prompt. What the negative prompt names is taken out again. */
export function readPrompt(
  prompt: string,
  { negativePrompt, subjects }: { negativePrompt: string | null; subjects: readonly Subject[] },
): Brief {
  const dictionary = getDictionary(subjects)
  const tokens = readTokens(prompt, dictionary)
  const brief: Brief = {
    wishes: [],
    settings: [],
    time: null,
    weather: null,
    season: null,
    style: null,
    features: new Set(),
    moods: new Set(),
    framing: new Set(),
    scenery: new Map(),
    palette: [],
    unknown: [],
    banned: new Set(),
  }
  const reading: Reading = { brief, pending: nothingPending(), tokens, banned: false, place: 0 }
  for (const [place, token] of tokens.entries()) {
    reading.place = place
    takeToken(reading, token)
  }
  flushPending(reading)
  if (negativePrompt) leaveOut(brief, readTokens(negativePrompt, dictionary))
  return brief
}

function leaveOut(brief: Brief, tokens: Token[]): void {
  for (const token of tokens) brief.banned.add(token.text)
  for (const { value, kind } of tokens.flatMap(token => token.meanings)) {
    if (kind === 'subject') brief.wishes = brief.wishes.filter(wish => wish.subject !== value)
    if (kind === 'setting') brief.settings = brief.settings.filter(setting => setting !== value)
    if (kind === 'feature') {
      brief.features.delete(value)
      brief.banned.add(value)
    }
    if (kind === 'weather' && brief.weather === value) brief.weather = null
    if (kind === 'style' && brief.style === value) brief.style = null
    if (kind === 'mood') brief.moods.delete(value)
    if (kind === 'part') for (const wish of brief.wishes) wish.traits.delete(value)
  }
}
