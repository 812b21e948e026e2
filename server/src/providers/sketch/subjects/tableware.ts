// Owns cups, bottles and lights that stand on a table.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, oval, type Point, star } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, path, plain, soft } from './brush.ts'

/** Steam that rises from x, y. */
export function drawSteam(pen: Pen, [x, y]: Point, size: number): string {
  const wisps = repeat(3, i => {
    const left = x + (i - 1) * size * 0.9
    return path`M${left} ${y}q${-size * 0.5} ${-size * 0.6} 0 ${-size * 1.2}q${size * 0.5} ${-size * 0.6} 0 ${-size * 1.2}`
  })
  return pen.line(wisps, '#ffffff', size * 0.26)
}

function drawCup(pen: Pen, look: Look): string {
  const c = look.main
  const pattern = look.rng.pick(['heart', 'band', 'dots'])
  const band = lighten(c, 0.62)
  const print =
    pattern === 'heart'
      ? pen.solid('M-6 -22C-22 -34 -16 -46 -6 -39C4 -46 10 -34 -6 -22Z', band, plain)
      : pattern === 'band'
        ? pen.solid('M-43 -42Q-6 -34 31 -42L29.6 -31Q-6 -23 -41.6 -31Z', band, plain)
        : pen.solid(
            repeat(7, i => disc(-34 + (i % 4) * 17 + (i > 3 ? 8 : 0), i > 3 ? -24 : -38, 3.4)),
            band,
            plain,
          )
  return (
    drawSteam(pen, [-6, -72], 10) +
    pen.solid(oval([-2, -4, 66, 7]), lighten(c, 0.35)) +
    pen.solid(oval([-2, -5.6, 44, 4]), darken(c, 0.16), plain) +
    pen.line('M30 -52C58 -60 62 -22 24 -20', look.part('handle', darken(c, 0.1)), 8) +
    pen.solid('M-46 -62H34Q34 -20 14 -6Q-6 -2 -26 -6Q-46 -20 -46 -62Z', c) +
    pen.shade('M14 -62H34Q34 -20 14 -6Q4 -4 -2 -4Q16 -24 14 -62Z', darken(c, 0.6), 0.18) +
    print +
    pen.solid(oval([-6, -62, 40, 9]), lighten(c, 0.2)) +
    pen.solid(oval([-6, -61, 34, 6.6]), '#6a4230', plain) +
    pen.solid(soft('-18,-61 -10,-64 -4,-62 4,-64 12,-61 0,-57 -6,-59 -12,-57'), '#e3c39a', plain) +
    pen.shade(soft('-40,-54 -34,-54 -32,-34 -26,-18 -36,-30'), '#ffffff', 0.35)
  )
}

function drawTeapot(pen: Pen, look: Look): string {
  const c = look.main
  const petal = lighten(c, 0.66)
  const bloom = repeat(5, i => disc(-4 + Math.cos(i * 1.257) * 8, -40 + Math.sin(i * 1.257) * 8, 6))
  return (
    drawSteam(pen, [68, -88], 6) +
    pen.line('M-40 -62C-84 -76 -86 -18 -38 -20', look.part('handle', darken(c, 0.12)), 8) +
    pen.solid(soft('34,-22 46,-40 52,-68 62,-80 74,-80 66,-66 62,-38 42,-12'), darken(c, 0.08)) +
    pen.solid('M-30 -74C-62 -60 -58 -14 -32 -5Q-4 0 24 -5C50 -14 54 -60 22 -74Z', c) +
    pen.shade('M10 -74L22 -74C54 -60 50 -14 24 -5Q14 -2 4 -2C34 -20 34 -56 10 -74Z', darken(c, 0.6), 0.18) +
    pen.solid(bloom, petal, plain) +
    pen.solid(disc(-4, -40, 4.6), '#f5b93a', plain) +
    pen.solid(
      soft('-32,-34 -22,-40 -14,-30 -24,-26') + soft('24,-34 14,-40 6,-28 16,-26'),
      mix('#6aa85f', c, 0.2),
      plain,
    ) +
    pen.solid('M-33 -72Q-4 -92 25 -72Q-4 -64 -33 -72Z', look.part('lid', lighten(c, 0.14))) +
    pen.solid(disc(-4, -88, 6), look.accent) +
    pen.shade(soft('-44,-52 -34,-66 -26,-68 -36,-52 -40,-34'), '#ffffff', 0.4)
  )
}

function drawBottle(pen: Pen, look: Look): string {
  const c = look.main
  const label = look.part('label', '#f8f0dc')
  return (
    pen.solid(
      'M-8 -100H8V-76Q8 -68 15 -60Q20 -54 20 -44V-6Q20 0 14 0H-14Q-20 0 -20 -6V-44Q-20 -54 -15 -60Q-8 -68 -8 -76Z',
      c,
    ) +
    pen.shade(
      'M3 -100H8V-76Q8 -68 15 -60Q20 -54 20 -44V-6Q20 0 14 0H8Q12 -30 9 -50Q3 -64 3 -76Z',
      '#120a30',
      0.25,
    ) +
    pen.solid(box([-9.4, -104, 18.8, 12], 2), look.accent) +
    pen.solid(box([-20, -42, 40, 27]), label) +
    pen.solid(star([0, -31], [6, 2.6]), look.accent, plain) +
    pen.line('M-11 -21H11', darken(label, 0.4), 1.6) +
    pen.shade(soft('-15,-50 -11,-58 -9,-50 -11,-44 -14,-44') + box([-15, -12, 4, 9], 2), '#ffffff', 0.45)
  )
}

function drawPerfume(pen: Pen, look: Look): string {
  const c = look.main
  const cap = look.part('cap', look.rng.pick(['#d9b25a', '#3a3440', '#f4efe6']))
  return (
    pen.solid(box([-14, -100, 28, 26], 3), cap) +
    pen.shade(box([4, -100, 10, 26], 3), '#1a1030', 0.22) +
    pen.shade(box([-11, -97, 4, 20], 2), '#ffffff', 0.5) +
    pen.solid(box([-9, -76, 18, 9]), mix(cap, '#ffffff', 0.35)) +
    pen.solid(box([-36, -68, 72, 68], 10), lighten(c, 0.55)) +
    pen.solid('M-31 -46Q-14 -50 2 -46Q18 -42 31 -46V-9Q31 -5 27 -5H-27Q-31 -5 -31 -9Z', c, plain) +
    pen.shade('M16 -44Q24 -44 31 -46V-9Q31 -5 27 -5H10Q20 -24 16 -44Z', darken(c, 0.5), 0.22) +
    pen.solid(box([-18, -40, 36, 22], 3), look.part('label', '#fbf7ee'), plain) +
    pen.solid('M0 -35C-7 -30 -7 -24 0 -22C7 -24 7 -30 0 -35Z', darken(c, 0.25), plain) +
    pen.shade(box([-30, -62, 6, 52], 3), '#ffffff', 0.5) +
    pen.shade(box([-22, -62, 2.6, 14], 1.3), '#ffffff', 0.5)
  )
}

function drawWineGlass(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid('M-20 -2Q0 -8 20 -2Q0 3 -20 -2Z', '#dcebf0', { opacity: 0.9 }) +
    pen.line('M0 -5V-44', '#dcebf0', 3.4) +
    pen.solid('M-20 -100C-32 -62 -20 -44 0 -43C20 -44 32 -62 20 -100Z', '#e6f2f5', { opacity: 0.6 }) +
    pen.solid('M-24.6 -76C-25 -56 -14 -46 0 -45.6C14 -46 25 -56 24.6 -76Z', c) +
    pen.solid(oval([0, -76, 24.6, 3.6]), lighten(c, 0.2), plain) +
    pen.shade('M8 -74H24.6C25 -56 14 -46 2 -45.6C14 -52 12 -66 8 -74Z', darken(c, 0.7), 0.25) +
    pen.line('M-20 -100Q0 -96 20 -100', '#ffffff', 1.2) +
    pen.shade(soft('-20,-92 -16,-92 -17,-74 -12,-56 -20,-68'), '#ffffff', 0.55)
  )
}

function drawCocktail(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M22 -96L4 -24', '#e8604f', 3) +
    pen.solid(hard('-22,-84 22,-84 17,0 -17,0'), '#e6f2f5', { opacity: 0.75 }) +
    pen.solid(hard('-20,-68 20,-68 15.6,-3 -15.6,-3'), c, { opacity: 0.92 }) +
    pen.solid(hard('-18.2,-42 18.2,-42 15.6,-3 -15.6,-3'), mix(c, '#f2683f', 0.4), {
      plain: true,
      opacity: 0.5,
    }) +
    pen.shade(
      box([-14, -66, 12, 12], 2) + box([2, -60, 12, 12], 2) + box([-11, -50, 11, 11], 2),
      '#ffffff',
      0.5,
    ) +
    pen.solid(disc(-21, -84, 12), '#f9d04a') +
    pen.solid(disc(-21, -84, 9), '#fdeaa0', plain) +
    pen.line('M-21 -93V-75M-30 -84H-12M-27 -90L-15 -78M-15 -90L-27 -78', '#f2b93a', 1) +
    pen.solid(soft('4,-84 2,-98 14,-94') + soft('0,-84 -8,-100 4,-98'), '#5fae5a') +
    pen.shade(hard('-18,-80 -14,-80 -11,-6 -14,-6'), '#ffffff', 0.5)
  )
}

function drawCandle(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.glow([0, -84, 62], '#ffc46b', look.night ? 0.75 : 0.45) +
    pen.solid(oval([0, -5, 30, 6]), '#c9963f') +
    pen.line('M26 -8C44 -12 44 4 28 0', '#c9963f', 3.6) +
    pen.solid(box([-13, -62, 26, 58], 4), c) +
    pen.shade(box([4, -62, 9, 58], 4), darken(c, 0.5), 0.2) +
    pen.solid(
      soft('-14,-60 0,-66 14,-60 14,-48 11,-36 8,-48 2,-52 -2,-42 -6,-52 -11,-48 -14,-54'),
      lighten(c, 0.35),
    ) +
    pen.line('M0 -63V-70', '#3a2a28', 2) +
    pen.emit(soft('-7,-74 -4,-86 1,-98 6,-84 8,-75 4,-67 0,-66 -5,-67'), '#ff9a3c') +
    pen.emit(soft('-3.4,-73 0,-86 4,-74 2,-68 -2,-68'), '#fff0b0')
  )
}

function drawLantern(pen: Pen, look: Look): string {
  const c = look.main
  const lit = look.night || look.has('lit')
  return (
    pen.line('M-18 -78C-18 -108 18 -108 18 -78', darken(c, 0.25), 3) +
    pen.solid(hard('-18,-78 -9,-92 9,-92 18,-78'), c) +
    pen.solid(box([-5, -98, 10, 7], 2), darken(c, 0.2)) +
    pen.glow([0, -44, 60], '#ffc46b', lit ? 0.8 : 0.3) +
    pen.emit(box([-20, -76, 40, 62], 3), lit ? '#ffe1a0' : '#f6ecd0', 0.95) +
    pen.solid(box([-6, -30, 12, 17], 2), '#fbf4e4') +
    pen.emit(soft('-5,-36 -2,-48 1,-56 5,-44 6,-36 0,-30'), '#ff9a3c') +
    pen.emit(soft('-2.4,-36 0,-46 3,-36 0,-32'), '#fff4c0') +
    pen.line('M-20 -76V-12M20 -76V-12M-7 -76V-12M7 -76V-12', c, 3) +
    pen.solid(box([-24, -80, 48, 7], 2), darken(c, 0.1)) +
    pen.solid(hard('-24,-14 24,-14 28,0 -28,0'), c)
  )
}

function drawLamp(pen: Pen, look: Look): string {
  const c = look.part('shade', look.main)
  return (
    pen.glow([0, -58, 70], '#ffd98a', look.night ? 0.75 : 0.35) +
    pen.solid('M-22 -3Q0 -14 22 -3L20 0H-20Z', '#8a6a4a') +
    pen.solid(soft('-6,-8 -15,-22 -10,-36 -4,-46 4,-46 10,-36 15,-22 6,-8'), look.part('base', '#4f8f95')) +
    pen.shade(soft('-9,-24 -6,-36 -3,-36 -5,-18'), '#ffffff', 0.5) +
    pen.line('M0 -46V-58', '#c9963f', 4) +
    pen.shade(hard('-36,-54 36,-54 52,-8 -52,-8'), '#ffe9a8', look.night ? 0.25 : 0.12) +
    pen.solid('M-20 -100H20L37 -54Q0 -47 -37 -54Z', pen.gradient([lighten(c, 0.2), c, lighten(c, 0.45)])) +
    pen.line('M-36 -55.6Q0 -48.6 36 -55.6M-19.6 -98.4H19.6', lighten(c, 0.55), 2.4) +
    pen.line('M30 -51V-38', '#c9963f', 1.2) +
    pen.solid(disc(30, -37, 2.2), '#c9963f')
  )
}

const table = { habitat: 'surface', home: 'table' } as const

export const tableware: readonly Subject[] = [
  {
    ...table,
    name: 'cup',
    words:
      'cup,mug,coffee,tea,cappuccino,latte,espresso,hot chocolate,cocoa,teacup,coffee cup,cup of coffee,cup of tea,coffee mug',
    scale: 0.16,
    width: 128,
    colours: ['#d9634a', '#3f8f9c', '#f1e6d2', '#e0a53c'],
    draw: drawCup,
  },
  {
    ...table,
    name: 'teapot',
    words: 'teapot,kettle,coffee pot,pitcher,jug',
    scale: 0.24,
    width: 152,
    colours: ['#4f93a8', '#d97a5f', '#f0e3cc', '#7fa07a'],
    draw: drawTeapot,
  },
  {
    ...table,
    name: 'bottle',
    words: 'bottle,wine bottle,beer,jar,potion,wine,champagne,milk bottle,juice bottle',
    scale: 0.32,
    width: 44,
    colours: ['#2f7a5a', '#7a3f3a', '#3f6f9c'],
    draw: drawBottle,
  },
  {
    ...table,
    home: 'studio',
    name: 'perfume',
    words:
      'perfume,perfume bottle,cologne,product bottle,cosmetic,lotion,serum,skincare,product,skincare bottle,fragrance,cosmetics bottle',
    scale: 0.18,
    width: 74,
    colours: ['#e8a0b0', '#d9b06a', '#8fb8c9', '#b59fd9'],
    draw: drawPerfume,
  },
  {
    ...table,
    name: 'wine glass',
    words: 'wine glass,glass,goblet,glass of wine,chalice',
    scale: 0.26,
    width: 50,
    colours: ['#9c2740', '#8f2238', '#f0d98a'],
    draw: drawWineGlass,
  },
  {
    ...table,
    name: 'cocktail',
    words: 'cocktail,lemonade,juice,smoothie,drink,soda,iced tea,milkshake,mojito',
    scale: 0.22,
    width: 68,
    colours: ['#f7a53c', '#f28a7a', '#8fcf9a'],
    draw: drawCocktail,
  },
  {
    ...table,
    name: 'candle',
    words: 'candle,candlestick',
    scale: 0.24,
    width: 76,
    colours: ['#f6ecd8', '#d97a6a', '#8fa58f'],
    draw: drawCandle,
  },
  {
    ...table,
    name: 'lantern',
    words: 'lantern,oil lamp',
    scale: 0.35,
    width: 58,
    colours: ['#4a4650', '#a8563f', '#3f6f6f'],
    draw: drawLantern,
  },
  {
    ...table,
    home: 'room',
    name: 'lamp',
    words: 'lamp,table lamp,desk lamp,light bulb,lampshade',
    scale: 0.45,
    width: 80,
    colours: ['#e8c48a', '#d97a6a', '#8fb0a5'],
    draw: drawLamp,
  },
]
