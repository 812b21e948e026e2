// Every combination of options that bears on price or routing, as a dialect's callers can say it. The model list
// and `models check` both walk these, so that what is listed is what was checked.
import { type ModelEntry, maxReferencesOf } from './entry.ts'
import { type Dialect, type GenerationOptions, noOptions } from './options.ts'
import { defaultRatio, fillDefaults } from './options-check.ts'

type Speech = { ratios: boolean; resolutions: boolean; sizes: boolean; qualities: boolean; thinking: boolean }

/** What the callers of each dialect can express; the rest is always the model's default there. */
const speech: Record<Dialect, Speech> = {
  getimages: { ratios: true, resolutions: false, sizes: false, qualities: false, thinking: true },
  getimg: { ratios: true, resolutions: true, sizes: false, qualities: false, thinking: false },
  gptimage2: { ratios: false, resolutions: false, sizes: true, qualities: true, thinking: false },
  imgeo: { ratios: true, resolutions: false, sizes: false, qualities: false, thinking: false },
  openai: { ratios: false, resolutions: false, sizes: true, qualities: true, thinking: false },
  native: { ratios: true, resolutions: true, sizes: true, qualities: true, thinking: true },
}

type Part = Partial<GenerationOptions>

/** Shapes a caller of this dialect can ask for; the default shape comes first. */
export function listShapes(entry: ModelEntry, dialect: Dialect): Part[] {
  const says = speech[dialect]
  const shapes: Part[] = []
  if (says.ratios) {
    const first = defaultRatio(entry)
    const ratios = first === null ? [] : [first, ...entry.aspectRatios.filter(ratio => ratio !== first)]
    const resolutions = says.resolutions ? entry.resolutions : entry.resolutions.slice(0, 1)
    for (const resolution of resolutions) {
      for (const aspectRatio of ratios) shapes.push({ aspectRatio, resolution })
    }
  }
  const saysPixels = says.sizes || shapes.length === 0
  if (saysPixels) for (const size of entry.sizes?.listed ?? []) shapes.push({ size })
  return shapes.length > 0 ? shapes : [{}]
}

/** All combinations of shape, quality, thinking and references (none, one, the most), defaults filled in. */
export function listCombinations(entry: ModelEntry, dialect: Dialect): GenerationOptions[] {
  const says = speech[dialect]
  const qualities: Part[] =
    says.qualities && entry.qualities.length > 0 ? entry.qualities.map(quality => ({ quality })) : [{}]
  const thinking: Part[] = says.thinking
    ? [{}, ...entry.thinkingLevels.map(thinkingLevel => ({ thinkingLevel }))]
    : [{}]
  const references = listReferenceCounts(entry, dialect)
  // Plain loops: there are thousands of combinations in a list, and the defaults know nothing of references.
  const combined: GenerationOptions[] = []
  for (const shape of listShapes(entry, dialect)) {
    for (const quality of qualities) {
      for (const level of thinking) {
        const filled = fillDefaults(entry, dialect, { ...noOptions, ...shape, ...quality, ...level })
        for (const referenceCount of references) combined.push({ ...filled, referenceCount })
      }
    }
  }
  return combined
}

function listReferenceCounts(entry: ModelEntry, dialect: Dialect): number[] {
  const counts = new Set<number>()
  if (entry.modes.includes('generate')) counts.add(0)
  const most = maxReferencesOf(entry, dialect)
  if (entry.modes.includes('edit') && most > 0) counts.add(1).add(most)
  return [...counts]
}
