// Holds what the composer relies on: every drawing is finite, in its bounds, the same for the same chance, and
// known by words of its own.
import { describe, expect, it } from 'vitest'
import { createPen, type Ink } from '../pen.ts'
import { createRng } from '../random.ts'
import { type Look, type Subject, settingNames } from '../subject.ts'
import { allSubjects } from './all.ts'

const everyTrait = ['sleeping', 'lit', 'dark', 'old', 'snow', 'fruit', 'glasses', 'sunglasses', 'scarf']

function drawOnce(
  subject: Subject,
  options: { seed: string; main?: string; night?: boolean; traits?: boolean; ink?: Ink['kind'] },
): string {
  const rng = createRng(options.seed)
  const pen = createPen({
    rng,
    ink: { kind: options.ink ?? 'fill', paper: '#fbf7ee', line: '#332a3a', widthUnits: 2, soft: true },
    light: { tint: '#ffffff', amount: 0, haze: '#dfe8f0' },
    detail: 1,
    spots: new Set(),
  })
  const look: Look = {
    main: options.main ?? rng.pick(subject.colours),
    accent: '#e0603f',
    asked: options.main !== undefined,
    part: (_name, fallback) => fallback,
    has: trait => options.traits === true && everyTrait.includes(trait),
    rng,
    night: options.night ?? false,
  }
  return subject.draw(pen, look) + pen.defs()
}

/** Corners of every path outside of rotated parts, in units of the subject. */
function measure(svg: string): { left: number; right: number; top: number; bottom: number } {
  const bounds = { left: 0, right: 0, top: 0, bottom: 0 }
  const flat = svg.replace(/<g transform[\s\S]*?<\/g>/g, '')
  for (const [, d = ''] of flat.matchAll(/<path d="([^"]*)"/g)) {
    for (const [, x = '', y = ''] of d.matchAll(/[ML](-?[\d.]+)[ ,](-?[\d.]+)/g)) {
      bounds.left = Math.min(bounds.left, Number(x))
      bounds.right = Math.max(bounds.right, Number(x))
      bounds.top = Math.min(bounds.top, Number(y))
      bounds.bottom = Math.max(bounds.bottom, Number(y))
    }
  }
  return bounds
}

describe('the drawings', () => {
  it('are many, each with a name of its own', () => {
    expect(allSubjects.length).toBeGreaterThanOrEqual(150)
    expect(new Set(allSubjects.map(subject => subject.name)).size).toBe(allSubjects.length)
  })

  it('share no word, and spell words the way a prompt is read', () => {
    const owners = new Map<string, string>()
    for (const subject of allSubjects) {
      for (const word of subject.words.split(',')) {
        expect(word, `a word of ${subject.name}`).toMatch(/^[a-z0-9]+( [a-z0-9]+)*$/)
        expect(owners.get(word), `${word} of ${subject.name}`).toBeUndefined()
        owners.set(word, subject.name)
      }
    }
  })

  it('say plausible sizes, places and colours', () => {
    for (const subject of allSubjects) {
      expect(subject.scale, subject.name).toBeGreaterThan(0)
      expect(subject.width, subject.name).toBeGreaterThan(20)
      expect(subject.width, subject.name).toBeLessThan(240)
      expect(subject.colours.length, subject.name).toBeGreaterThan(0)
      for (const colour of subject.colours) expect(colour, subject.name).toMatch(/^#[0-9a-f]{6}$/)
      if (subject.home) expect(settingNames).toContain(subject.home)
    }
  })
})

describe('line styles', () => {
  const cat = allSubjects.find(subject => subject.name === 'cat')

  it.each(['line', 'chalk', 'blueprint', 'neon'] as const)('keep the eyes of a cat in %s', ink => {
    expect(cat && drawOnce(cat, { seed: 'eyes', ink })).toContain('fill="#332a3a"')
  })

  it('leave painted eyes to the colours', () => {
    expect(cat && drawOnce(cat, { seed: 'eyes', ink: 'fill' })).not.toContain('fill="#332a3a"')
  })
})

describe.each(allSubjects.map(subject => [subject.name, subject] as const))('%s', (_name, subject) => {
  it('is drawn with finite numbers in every light, trait and ink', () => {
    const inks = ['fill', 'line', 'neon', 'cut'] as const
    for (const [i, ink] of inks.entries()) {
      for (const night of [false, true]) {
        const svg = drawOnce(subject, { seed: `finite-${i}`, night, traits: i % 2 === 1, ink })
        expect(svg).toContain('<path d="M')
        expect(svg).not.toMatch(/NaN|Infinity|undefined|null|\de-\d|\d\.\d{6}/)
        expect(svg.match(/<g\b/g)?.length ?? 0).toBe(svg.match(/<\/g>/g)?.length ?? 0)
      }
    }
  })

  it('is the same picture for the same chance', () => {
    expect(drawOnce(subject, { seed: 'again' })).toBe(drawOnce(subject, { seed: 'again' }))
  })

  it('stays close to the width and the height it promises', () => {
    for (const seed of ['a', 'b', 'c', 'd']) {
      const { left, right, top, bottom } = measure(drawOnce(subject, { seed }))
      const half = subject.width / 2
      expect(left).toBeGreaterThan(-half * 1.15 - 8)
      expect(right).toBeLessThan(half * 1.15 + 8)
      expect(top).toBeGreaterThan(-132)
      expect(bottom).toBeLessThan(14)
    }
  })

  it('shows the colour that was asked for', () => {
    const blue = drawOnce(subject, { seed: 'colour', main: '#2f6fd0' })
    const red = drawOnce(subject, { seed: 'colour', main: '#d93330' })
    expect(blue).not.toBe(red)
  })
})
