// Owns the reading of a prompt: words in, wishes out. It never fails; what it does not know it lists as unknown,
// so that the composer can still make something of it. It decides nothing by chance.
import { darken, lighten, saturate } from './colour.ts'
import type { Feature, Framing, Mood, Season, StyleName, Time, Weather } from './lexicon.ts'
import { costumeNames, ignoredWords, type Relation } from './lexicon-subjects.ts'
import type { SettingName, Subject } from './subject.ts'
import { getDictionary, type Meaning, readTokens, type Token } from './words.ts'

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
  /** Every phrase that was read, singular: for details too small for a list of their own. */
  says: Set<string>
  /** What the negative prompt or a `without` named: features, parts and any other words. */
  banned: Set<string>
}

type Pending = {
  colours: string[]
  count: number | null
  traits: string[]
  size: number
  relation: Relation | null
}

const nothingPending = (): Pending => ({ colours: [], count: null, traits: [], size: 1, relation: null })

type Reading = {
  brief: Brief
  pending: Pending
  tokens: Token[]
  banned: boolean
  place: number
  lastNoun: number
}

const has = (token: Token | undefined, kind: Meaning['kind']): boolean =>
  token?.meanings.some(meaning => meaning.kind === kind) ?? false

/** `orange` before a noun is a colour, alone it is a fruit. */
function isColourHere(reading: Reading): boolean {
  const { tokens, place } = reading
  const token = tokens[place]
  if (!token || !has(token, 'colour') || token.plural) return false
  if (has(token, 'weather')) return false
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

/** «cat astronaut» and «astronaut cat» are one: the animal in the other's costume. True when it was used up so. */
function takeCostume(reading: Reading, subject: Subject): boolean {
  const last = reading.brief.wishes.at(-1)
  if (!last || reading.lastNoun !== reading.place - 1) return false
  if (costumeNames.has(subject.name) && last.subject.head && !costumeNames.has(last.subject.name)) {
    last.traits.add(`as ${subject.name}`)
    return true
  }
  if (costumeNames.has(last.subject.name) && subject.head && !costumeNames.has(subject.name)) {
    last.traits.add(`as ${last.subject.name}`)
    last.subject = subject
    return true
  }
  return false
}

/** Flowers and trees that only surround the others belong to the place. */
function isSurrounding({ brief, pending }: Reading, subject: Subject, token: Token): boolean {
  if (brief.wishes.length === 0 || !token.plural || pending.count !== null) return false
  return subject.name === 'flower' || subject.name === 'tree'
}

function addWish(reading: Reading, subject: Subject, token: Token): void {
  const { brief, pending } = reading
  if (reading.banned) {
    brief.banned.add(subject.name)
    return
  }
  if (takeCostume(reading, subject)) return
  if (isSurrounding(reading, subject, token)) {
    if (subject.name === 'flower') brief.features.add('flowers')
    reading.pending = nothingPending()
    return
  }
  const last = brief.wishes.at(-1)
  // A castle is not worn: «in a castle» only says where.
  const relation = pending.relation === 'wears' && subject.scale > 0.4 ? 'beside' : pending.relation
  const counted = pending.count !== null && (pending.count > 1 || !token.plural)
  const known = brief.wishes.find(wish => wish.subject === subject)
  const repeated = known !== undefined && pending.colours.length === 0 && !counted
  const count = counted ? Math.max(1, pending.count ?? 1) : token.plural ? 4 : 1
  reading.lastNoun = reading.place
  if (!repeated) {
    brief.wishes.push({
      subject,
      count,
      counted,
      colours: pending.colours,
      parts: new Map(),
      traits: new Set(pending.traits),
      size: pending.size,
      relation: last && relation ? { kind: relation, to: last } : null,
    })
  }
  reading.pending = nothingPending()
}

/** A hat on a head is no subject of its own. */
function takeAccessory(reading: Reading, token: Token): boolean {
  const accessory = token.meanings.find(meaning => meaning.kind === 'accessory')
  const last = reading.brief.wishes.at(-1)
  const { pending } = reading
  if (accessory?.kind !== 'accessory' || !last?.subject.head || pending.relation === null) return false
  if (!['wears', 'beside', 'on'].includes(pending.relation)) return false
  const colour = pending.colours.at(-1)
  last.traits.add(accessory.value)
  if (colour) last.parts.set(accessory.value.endsWith('hat') ? 'hat' : accessory.value, colour)
  reading.pending = { ...nothingPending(), relation: 'wears' }
  return true
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
  if (takeAccessory(reading, token) || takeColouredPart(reading, token)) return
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
  // «without a red tree» bans the tree, not the article or the colour.
  const leadsOn = has(token, 'count') || has(token, 'size') || has(token, 'trait')
  if (token.meanings.length > 0 && !leadsOn) reading.banned = false
  const above = reading.pending.relation === 'above' && has(token, 'setting')
  const over = brief.wishes.at(-1)
  if (above && over && over.subject.name !== 'bridge') over.traits.add('flying')
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
    says: new Set(),
    banned: new Set(),
  }
  const reading: Reading = { brief, pending: nothingPending(), tokens, banned: false, place: 0, lastNoun: -9 }
  for (const [place, token] of tokens.entries()) {
    reading.place = place
    brief.says.add(token.text)
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
