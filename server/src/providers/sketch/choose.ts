// Owns what a prompt leaves open: place, hour, season and weather are chosen here so that they suit the subjects.
import type { Season, Time, Weather } from './lexicon.ts'
import type { Brief } from './prompt.ts'
import type { Rng } from './random.ts'
import type { Mood } from './stage.ts'
import type { Habitat, SettingName } from './subject.ts'

const homes: Readonly<Record<Habitat, readonly SettingName[]>> = {
  ground: ['meadow', 'forest', 'meadow', 'field', 'mountains'],
  water: ['sea', 'lake'],
  air: ['meadow', 'clouds', 'mountains'],
  surface: ['table', 'studio', 'table'],
  under: ['underwater'],
  space: ['space'],
}

/** Indoors and in space neither sun nor weather decides the light. */
export const closedSettings: ReadonlySet<SettingName> = new Set([
  'room',
  'library',
  'table',
  'studio',
  'space',
  'underwater',
])

/** When a prompt names several places, the more telling one is the stage. */
const tellingFirst: readonly SettingName[] = [
  'underwater',
  'planet',
  'space',
  'library',
  'lake',
  'beach',
  'table',
  'room',
  'street',
  'desert',
  'snow',
  'garden',
  'forest',
  'field',
  'city',
  'mountains',
  'sea',
  'clouds',
  'studio',
  'meadow',
]

export function chooseSetting(brief: Brief, rng: Rng): SettingName {
  const named = tellingFirst.find(name => brief.settings.includes(name))
  const hero = brief.wishes[0]?.subject
  const indoors = brief.wishes.find(({ subject }) => subject.home === 'room')
  if (named === 'room' && hero?.habitat === 'surface') return 'table'
  if (named) return named
  if (brief.framing.has('emblem')) return 'studio'
  if (indoors && hero?.habitat !== 'water') return 'room'
  if (hero?.home) return hero.home
  if (brief.weather === 'snow' && hero?.habitat !== 'surface') return 'snow'
  const hosts = brief.wishes.filter(wish => wish.relation === null || wish.relation.kind === 'on')
  const sea = hosts.find(wish => wish.subject.habitat === 'water')
  if (sea) return sea.subject.home ?? 'sea'
  if (hero) return rng.pick(homes[hero.habitat])
  if (brief.features.has('waves')) return 'sea'
  return rng.pick(['mountains', 'sea', 'lake', 'meadow'])
}

/** True when the prompt gave nothing that can be drawn as it is. */
export const isAbstract = (brief: Brief): boolean =>
  brief.wishes.length === 0 &&
  brief.settings.length === 0 &&
  brief.features.size === 0 &&
  brief.time === null &&
  brief.weather === null &&
  brief.season === null

export function chooseMood(brief: Brief, setting: SettingName, rng: Rng): Mood {
  const weather: Weather = brief.weather ?? 'clear'
  const time = chooseTime(brief, setting, rng)
  const season: Season =
    brief.season ??
    (setting === 'snow' || weather === 'snow' ? 'winter' : rng.chance(0.4) ? 'spring' : 'summer')
  return { time, weather, season, night: time === 'night' }
}

function chooseTime(brief: Brief, setting: SettingName, rng: Rng): Time {
  if (brief.time) return brief.time
  const nightly = [
    'stars',
    'aurora',
    'fireworks',
    'fireflies',
    'comet',
    'neonlights',
    'lanterns',
    'moon',
  ] as const
  if (nightly.some(feature => brief.features.has(feature))) return 'night'
  if (brief.style === 'neon') return 'night'
  if (brief.moods.has('dark')) return rng.chance(0.5) ? 'dusk' : 'night'
  if (brief.features.has('rainbow') || brief.weather !== null) return 'day'
  if (brief.moods.has('warm') && !closedSettings.has(setting)) return 'sunset'
  if (brief.moods.has('dreamy')) return rng.pick(['dawn', 'sunset', 'dusk'])
  const draw = rng.next()
  return draw < 0.62 ? 'day' : draw < 0.84 ? 'sunset' : 'dawn'
}
