// Owns which finish a style and a mood give to the pixels. A transparent picture keeps its alpha.
import { toRgb } from '../colour.ts'
import type { StyleName } from '../lexicon.ts'
import type { Brief } from '../prompt.ts'
import type { Rng } from '../random.ts'
import type { Raster } from '../render.ts'
import { paintOil, paintWatercolour } from './paint.ts'
import { addBloom, makeMosaic, makePixels } from './pieces.ts'
import {
  type Grade,
  gradePixels,
  printChalk,
  printGrain,
  printHalftone,
  printPoster,
  printTones,
} from './print.ts'

export type FinishOptions = {
  style: StyleName
  paper: string
  brief: Brief
  rng: Rng
  detail: number
  transparent: boolean
}

const plainGrade: Grade = { saturation: 1, contrast: 1, lift: 0, tint: '#ffffff', tintAmount: 0 }

function findGrade({ moods }: Brief): Grade | null {
  if (moods.has('pastel'))
    return { ...plainGrade, saturation: 0.85, contrast: 0.86, lift: 17, tint: '#fff2f0', tintAmount: 0.08 }
  if (moods.has('vivid')) return { ...plainGrade, saturation: 1.4, contrast: 1.06 }
  if (moods.has('dark'))
    return { ...plainGrade, saturation: 0.85, contrast: 1.1, lift: -14, tint: '#141032', tintAmount: 0.1 }
  if (moods.has('faded'))
    return { ...plainGrade, saturation: 0.6, contrast: 0.86, lift: 10, tint: '#f2dcb8', tintAmount: 0.12 }
  if (moods.has('warm')) return { ...plainGrade, saturation: 1.06, tint: '#ffb066', tintAmount: 0.07 }
  if (moods.has('cold')) return { ...plainGrade, saturation: 0.92, tint: '#7fb2e8', tintAmount: 0.1 }
  if (moods.has('dreamy'))
    return { ...plainGrade, saturation: 1.05, contrast: 0.93, lift: 8, tint: '#ffd9ec', tintAmount: 0.06 }
  return null
}

/** Gives the pixels the look of the style's material. May work in place. */
export async function finishRaster(raster: Raster, options: FinishOptions): Promise<Raster> {
  const { style, brief, rng, detail, paper, transparent } = options
  const grade = findGrade(brief)
  const graded = grade && style !== 'noir' && style !== 'blueprint' ? gradePixels(raster, grade) : raster
  switch (style) {
    case 'watercolour':
      return paintWatercolour(graded, {
        paper: toRgb('#fcf8ef'),
        seed: rng.int(0, 1000),
        border: !transparent,
      })
    case 'oil':
      return paintOil(graded, rng, detail)
    case 'pixel':
      return await makePixels(graded, { cells: detail === 0 ? 80 : detail === 1 ? 104 : 136, colours: 40 })
    case 'mosaic':
      return makeMosaic(graded, rng, detail === 2 ? 17 : 21)
    case 'comic':
      return printHalftone(graded)
    case 'noir':
      return printTones(graded, {
        colours: ['#0b0b10', '#4b4b52', '#a9a9ac', '#f6f4ee'],
        contrast: 1.75,
        grain: 7,
        corners: 0.55,
        keep: 0.9,
      })
    case 'sepia':
      return printTones(graded, {
        colours: ['#2b1a10', '#7a5434', '#c9a16f', '#f6e6c6'],
        contrast: 1.15,
        grain: 9,
        corners: 0.42,
      })
    case 'poster':
      return printPoster(graded, { paper: '#f4e6c8', levels: 7, tint: 0.6, wear: 0.3 })
    case 'woodblock':
      return printPoster(graded, { paper: '#efe0c0', levels: 12, tint: 0.85, wear: 0.36 })
    case 'chalk':
      return printChalk(graded, paper)
    case 'line':
    case 'cut':
      return printGrain(graded, style === 'cut' ? 5 : 3.5)
    case 'neon':
      return await addBloom(graded, { radiusUnits: 15, strength: 0.62 })
    default:
      return graded
  }
}
