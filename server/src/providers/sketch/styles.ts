// Owns the styles: how shapes are inked, and what happens to the finished pixels.
import type { StyleName } from './lexicon.ts'
import type { Ink } from './pen.ts'
import type { Brief } from './prompt.ts'
import type { Rng } from './random.ts'
import type { Mood } from './stage.ts'

export type Style = { name: StyleName; ink: Ink }

const base: Ink = { kind: 'fill', paper: '#fbf6ea', line: '#2b2438', widthUnits: 3.4, soft: true }

const inks: Readonly<Record<StyleName, Partial<Ink>>> = {
  soft: {},
  flat: { soft: false },
  watercolour: {},
  oil: {},
  pixel: { soft: false },
  line: { kind: 'line', soft: false, widthUnits: 3.2, paper: '#fbf7ee', line: '#2d2a33' },
  comic: { kind: 'comic', soft: false, widthUnits: 5, line: '#1d1626' },
  noir: {},
  neon: { kind: 'neon', soft: false, paper: '#0b0720', line: '#ff4fd8', widthUnits: 3.2 },
  blueprint: { kind: 'blueprint', soft: false, paper: '#17498f', line: '#e6f1ff', widthUnits: 2.4 },
  chalk: { kind: 'chalk', soft: false, paper: '#2b3a38', line: '#f3efe2', widthUnits: 4.2 },
  cut: { kind: 'cut', soft: false },
  poster: { soft: false },
  woodblock: { kind: 'comic', soft: false, widthUnits: 2.6, line: '#2c3550', paper: '#f3e7cd' },
  mosaic: { soft: false },
  sepia: {},
}

/** The style the prompt names, or the soft illustration that is this model's own. */
export function chooseStyle(brief: Brief, _chance: { mood: Mood; rng: Rng }): Style {
  const name = brief.style ?? 'soft'
  return { name, ink: { ...base, ...inks[name] } }
}
