// Owns what all parts of a picture share: its size in units (the short side is 1000), its hour, its air and its
// palette. Settings, weather and subjects take their colours from here, which is why they fit together.
import { darken, lighten, mix, saturate } from './colour.ts'
import type { Feature, Season, Time, Weather } from './lexicon.ts'
import type { Light, Pen } from './pen.ts'
import type { Brief } from './prompt.ts'
import type { Rng } from './random.ts'

/** The sun or the moon, in units. */
export type Orb = { x: number; y: number; radius: number; kind: 'sun' | 'moon'; colour: string }

export type Palette = {
  /** From the zenith to the horizon. */
  sky: readonly string[]
  haze: string
  grass: readonly string[]
  leaves: readonly string[]
  flowers: readonly string[]
  water: readonly string[]
  cloud: readonly [string, string]
  light: Light
}

export type Mood = {
  time: Time
  weather: Weather
  season: Season
  night: boolean
}

export type Stage = Mood &
  Palette & {
    width: number
    height: number
    brief: Brief
    pen: Pen
    rng: Rng
    orb: Orb | null
    /** Wanted by the prompt and not left out by it. */
    wants(feature: Feature): boolean
    /** True when the prompt uses one of these words or phrases, given singular. */
    says(...phrases: string[]): boolean
    /** Not left out by the prompt: for things the composer would add by itself. */
    allows(thing: string): boolean
  }

const skies: Readonly<Record<Time, readonly (readonly string[])[]>> = {
  dawn: [
    ['#6f8fd0', '#b7a8d8', '#f6bfc0', '#fde3b4'],
    ['#5b86b8', '#a9c3d6', '#f8d7b8', '#fdeecb'],
  ],
  day: [
    ['#3f93dc', '#7fc1ee', '#c8e8f2', '#eef6ec'],
    ['#2f86d6', '#79c3ea', '#d5eef0', '#fdf4d9'],
    ['#4aa3d8', '#93d2e6', '#d6efe6', '#fbf3d8'],
  ],
  sunset: [
    ['#40357c', '#a34f88', '#ef7765', '#fdb45f', '#ffe39a'],
    ['#27457f', '#7d5f9c', '#e8816f', '#fcbd6d', '#fde6ad'],
    ['#5b2f6e', '#c44d68', '#f58150', '#fcc35a', '#feeaa6'],
  ],
  dusk: [
    ['#1d2559', '#473f86', '#96609f', '#e2938f', '#f7c39b'],
    ['#14294f', '#2d5480', '#6d83a6', '#c7a6ae', '#efc8a8'],
  ],
  night: [
    ['#070c2a', '#101c4e', '#1f3576', '#36569a'],
    ['#06122a', '#0c2a4c', '#175069', '#3a7f8c'],
    ['#100a30', '#231a5a', '#42328a', '#6a55ae'],
  ],
}

const veils: Readonly<Record<Weather, readonly [string, number]>> = {
  clear: ['#ffffff', 0],
  wind: ['#ffffff', 0],
  cloudy: ['#aebbc8', 0.5],
  rain: ['#75879a', 0.62],
  storm: ['#333e52', 0.72],
  snow: ['#cfdae6', 0.5],
  fog: ['#d8dedd', 0.7],
}

const lights: Readonly<Record<Time, readonly [string, number]>> = {
  dawn: ['#f2aeb0', 0.13],
  day: ['#fff0cc', 0.04],
  sunset: ['#f0764a', 0.2],
  dusk: ['#463c86', 0.4],
  night: ['#111f58', 0.56],
}

const grasses: Readonly<Record<Season, readonly string[]>> = {
  spring: ['#8cc456', '#6fb04c', '#a9d46a'],
  summer: ['#6aa84a', '#4f9347', '#8cbb52'],
  autumn: ['#b99a45', '#a0843a', '#cdb05a'],
  winter: ['#eef3f7', '#dce7f0', '#f7fafb'],
}

const foliage: Readonly<Record<Season, readonly string[]>> = {
  spring: ['#7dbb52', '#f4b3c4', '#98cc5d', '#f7ccd6'],
  summer: ['#4a8f4a', '#3b7d49', '#67a552', '#2f6e4c'],
  autumn: ['#dd7f2c', '#c8502c', '#e6ab37', '#a8452e'],
  winter: ['#d6e2ea', '#5c7f78', '#e8eff3', '#46696a'],
}

const blossoms: readonly (readonly string[])[] = [
  ['#f2577b', '#ffd24d', '#ffffff', '#f79a4b'],
  ['#ffffff', '#f7c948', '#c78be0', '#f48fb1'],
  ['#e8483f', '#ffb52e', '#fdf0d5', '#ef7fae'],
  ['#7a68d8', '#ffffff', '#f6d55c', '#f58fa8'],
]

const dim = (time: Time): number =>
  time === 'night' ? 0.55 : time === 'dusk' ? 0.3 : time === 'sunset' ? 0.1 : 0

function chooseSky(brief: Brief, mood: Mood, rng: Rng): string[] {
  const asked = brief.scenery.get('sky')
  const base = rng.pick(skies[mood.time])
  const [veil, amount] = veils[mood.weather]
  const shade = mix(veil, '#0b1230', dim(mood.time))
  const painted = asked ? askedSky(asked, mood) : base
  const open = ['aurora', 'stars', 'comet', 'fireworks'].some(name => brief.features.has(name as Feature))
  const veiled = painted.map(colour => mix(colour, shade, amount * (open ? 0.25 : asked ? 0.5 : 1)))
  const gloomy = brief.moods.has('dark') && mood.time !== 'night'
  return veiled.map(colour =>
    saturate(gloomy ? darken(colour, 0.28) : colour, brief.moods.has('faded') ? 0.6 : 1),
  )
}

function askedSky(colour: string, mood: Mood): string[] {
  const base = mood.night ? darken(colour, 0.45) : colour
  return [darken(base, 0.3), base, lighten(base, 0.3), lighten(base, 0.62)]
}

/** The colours of everything for one hour, air and season. `rng` must not be used for anything else. */
export function choosePalette(brief: Brief, mood: Mood, rng: Rng): Palette {
  const sky = chooseSky(brief, mood, rng)
  const horizon = sky.at(-1) ?? '#ffffff'
  const zenith = sky[0] ?? '#3f93dc'
  const middle = sky[Math.floor(sky.length / 2)] ?? zenith
  const haze = mix(horizon, middle, mood.night ? 0.7 : 0.3)
  const snowy = mood.weather === 'snow' || mood.season === 'winter'
  const season: Season = snowy ? 'winter' : mood.season
  const [tint, amount] = lights[mood.time]
  const dull = mood.weather === 'rain' || mood.weather === 'storm' ? 0.1 : 0
  const ground = brief.scenery.get('ground')
  const water = brief.scenery.get('water')
  const grass = ground ? [ground, darken(ground, 0.14), lighten(ground, 0.16)] : grasses[season]
  return {
    sky,
    haze,
    grass,
    leaves: foliage[season],
    flowers: rng.pick(blossoms),
    water: water
      ? [lighten(water, 0.3), water, darken(water, 0.35)]
      : chooseWater(mood, { horizon, middle, zenith }),
    cloud: chooseClouds(mood, { horizon, middle }),
    light: { tint: mix(tint, mix(zenith, '#20304c', 0.5), dull * 3), amount: amount + dull, haze },
  }
}

/** Water is the sky once more, deeper; by day it has a colour of its own. */
function chooseWater(
  { time }: Mood,
  { horizon, middle, zenith }: { horizon: string; middle: string; zenith: string },
): readonly string[] {
  if (time === 'sunset' || time === 'dawn') {
    return [mix(horizon, middle, 0.45), mix(middle, '#3a4f8f', 0.5), mix(zenith, '#182a5e', 0.55)]
  }
  if (time === 'dusk')
    return [mix(horizon, middle, 0.5), mix(middle, '#2c3f7a', 0.5), mix(zenith, '#101b45', 0.5)]
  return [mix(horizon, '#5fb2c4', 0.4), mix(middle, '#1f7f9e', 0.6), mix(zenith, '#0d3f63', 0.6)]
}

function chooseClouds(
  mood: Mood,
  { horizon, middle }: { horizon: string; middle: string },
): [string, string] {
  if (mood.night) return [mix(middle, '#8ea6dc', 0.35), mix(middle, '#0b1230', 0.1)]
  if (mood.time === 'sunset') return ['#ffdcb4', mix(middle, '#d8627a', 0.35)]
  if (mood.time === 'dusk') return [mix('#e5a3ae', middle, 0.3), mix(middle, '#2a2c66', 0.35)]
  if (mood.weather === 'storm' || mood.weather === 'rain')
    return [mix('#cfd8e2', middle, 0.6), mix('#3b475c', middle, 0.4)]
  return ['#ffffff', mix(horizon, mood.time === 'dawn' ? '#d9a3bd' : '#a9cbe6', 0.7)]
}
