// Owns the making of one picture as SVG: reads the prompt, sets the stage, lets place, cast and weather draw.

import { chooseMood, chooseSetting, isAbstract } from './choose.ts'
import { drawFigures } from './figures.ts'
import { n } from './geometry.ts'
import type { DrawJob } from './job.ts'
import type { Feature } from './lexicon.ts'
import { createPen } from './pen.ts'
import { type Brief, readPrompt } from './prompt.ts'
import { createRng, type Rng } from './random.ts'
import { allSettings } from './settings/all.ts'
import type { Backdrop } from './settings/backdrop.ts'
import { chooseOrb } from './sky.ts'
import { choosePalette, type Stage } from './stage.ts'
import { chooseStyle, drawMount, type Style } from './styles.ts'
import type { SettingName } from './subject.ts'
import { allSubjects } from './subjects/all.ts'
import { drawSymbol } from './symbol.ts'
import { drawWeather } from './weather.ts'

export type Composition = {
  /** Everything inside the `<svg>` element. */
  body: string
  /** The picture's size in units; the short side is 1000. */
  width: number
  height: number
  style: Style
  brief: Brief
}

/** Horizons sit lower in upright pictures, where the sky has room, and for wide shots. */
function chooseHorizon(height: number, brief: Brief, rng: Rng): number {
  const base = brief.framing.has('wide') ? 0.66 : rng.range(0.54, 0.61)
  return height * base
}

function setStage(
  job: DrawJob,
  brief: Brief,
  setting: SettingName,
): { stage: Stage; style: Style; horizon: number } {
  const rng = createRng(`${job.prompt.trim()}|${job.seed ?? 'unseeded'}|${job.index}`)
  const unit = 1000 / Math.min(job.width, job.height)
  const [width, height] = [job.width * unit, job.height * unit]
  const mood = chooseMood(brief, setting, rng.fork('mood'))
  const palette = choosePalette(brief, mood, rng.fork('palette'))
  const style = chooseStyle(brief, { mood, rng: rng.fork('style') })
  const horizon = chooseHorizon(height, brief, rng.fork('horizon'))
  const wanted = brief.features.has('moon') || brief.features.has('sun')
  const allows = (thing: string): boolean => !brief.banned.has(thing)
  const orb = chooseOrb(mood, { width, horizon, wanted, big: wanted, side: rng.fork('orb').next() })
  const spots = new Set(brief.wishes.flatMap(wish => [...wish.colours, ...wish.parts.values()]))
  const pen = createPen({
    rng: rng.fork('pen'),
    ink: style.ink,
    light: palette.light,
    detail: job.detail,
    spots,
  })
  const stage: Stage = {
    ...mood,
    ...palette,
    width,
    height,
    brief,
    pen,
    rng,
    orb: orb && allows(orb.kind) ? orb : null,
    wants: (feature: Feature) => brief.features.has(feature) && allows(feature),
    says: (...phrases) => phrases.some(phrase => brief.says.has(phrase)),
    allows,
  }
  return { stage, style, horizon }
}

/** Words that ask for something new in a reference picture. */
const ADDING = [
  'add',
  'put',
  'place',
  'insert',
  'include',
  'give',
  'draw',
  'with',
  'wearing',
  'next to',
  'beside',
]

/**
 * What is drawn over a reference: subjects only where the prompt asks to add some, weather, and a fine border that
 * marks the picture as worked on.
 */
export function composeOverlay(job: DrawJob): Composition {
  const brief = readPrompt(job.prompt, { negativePrompt: job.negativePrompt, subjects: allSubjects })
  brief.framing.delete('portrait')
  brief.framing.add('wide')
  const setting: SettingName = 'meadow'
  const { stage, style } = setStage(job, brief, setting)
  const { width, height } = stage
  const air = drawWeather(stage, setting)
  const floor: Backdrop = {
    back: '',
    front: '',
    stand: height * 0.94,
    far: height * 0.84,
    water: null,
    air: [height * 0.06, height * 0.5],
    floor: 'land',
    shadow: '#1c1a33',
  }
  const adding = ADDING.some(word => brief.says.has(word))
  const figures = adding ? drawFigures(stage, floor, setting) : ''
  const line = brief.palette[0] ?? brief.wishes[0]?.colours[0] ?? '#fdf8ec'
  const frame = stage.pen.emit(
    `M14 14H${n(width - 14)}V${n(height - 14)}H14ZM20 20V${n(height - 20)}H${n(width - 20)}V20Z`,
    line,
    0.85,
  )
  return {
    body: `<defs>${stage.pen.defs()}</defs>${air.back}${figures}${air.front}${frame}`,
    width,
    height,
    style,
    brief,
  }
}

/** Composes one picture. The same job always gives the same text. */
export function composePicture(job: DrawJob): Composition {
  const brief = readPrompt(job.prompt, { negativePrompt: job.negativePrompt, subjects: allSubjects })
  const chance = createRng(`${job.prompt.trim()}|${job.seed ?? 'unseeded'}|${job.index}|setting`)
  const setting = chooseSetting(brief, chance)
  const { stage, style, horizon } = setStage(job, brief, setting)
  const parts = isAbstract(brief)
    ? drawSymbol(stage)
    : drawScene(stage, { setting, horizon, alone: job.transparent })
  const body = `<defs>${stage.pen.defs()}</defs>${parts}`
  return { body, width: stage.width, height: stage.height, style, brief }
}

function drawScene(
  stage: Stage,
  { setting, horizon, alone }: { setting: SettingName; horizon: number; alone: boolean },
): string {
  const backdrop = allSettings[setting](stage, horizon)
  const figures = drawFigures(stage, backdrop, setting)
  if (alone && stage.brief.wishes.length > 0) return figures
  const air = drawWeather(stage, setting)
  const close = stage.brief.framing.has('portrait')
  const mounted = drawMount(stage)
  return backdrop.back + air.back + figures + (close ? '' : backdrop.front) + air.front + mounted
}
