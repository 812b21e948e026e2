// Owns the places for things: the table and the photographer's studio.
import { darken, lighten, luminance, mix, saturate, turnHue } from '../colour.ts'
import { box, disc, n, oval, poly, taper } from '../geometry.ts'
import type { Rng } from '../random.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'
import { curtains, type Frame, lightShaft, pottedPlant, wallColour, windowPane } from './furnishing.ts'

function woodGrain(stage: Stage, edge: number, wood: string): string {
  const { pen, width, height } = stage
  return repeat(5, i => {
    const y = edge + (height - edge) * (0.12 + i * 0.19)
    const d = `M-20 ${n(y)}C${n(width * 0.3)} ${n(y - 10 + i * 3)} ${n(width * 0.6)} ${n(y + 12)} ${n(width + 20)} ${n(y - 4)}`
    return pen.line(d, darken(wood, 0.26), 2.2)
  })
}

function stripedCloth(stage: Stage, edge: number): string {
  const { pen, width, height } = stage
  const sheet = `M${n(width * 0.08)} ${n(edge + 12)}L${n(width * 0.92)} ${n(edge + 12)}L${n(width * 1.06)} ${n(height + 20)}H${n(-width * 0.06)}Z`
  const stripe = (i: number): string =>
    poly([
      [width * (0.1 + i * 0.12), edge + 12],
      [width * (0.135 + i * 0.12), edge + 12],
      [width * (0.02 + i * 0.15), height + 20],
      [width * (-0.03 + i * 0.15), height + 20],
    ])
  return (
    pen.solid(sheet, pen.gradient(['#f7efe0', '#e8dcc4'])) +
    repeat(7, i => pen.shade(stripe(i), '#c8553d', 0.2))
  )
}

/** Lights out of focus. */
function softSpots(stage: Stage, rng: Rng, wall: string): string {
  return repeat(14, () =>
    stage.pen.glow(
      [rng.next() * stage.width, rng.range(0.02, 0.56) * stage.height, rng.range(30, 90)],
      rng.pick(['#fff1c9', '#ffd9a8', lighten(wall, 0.6)]),
      0.3,
    ),
  )
}

const drawTable: DrawSetting = (stage, _horizon) => {
  const rng = stage.rng.fork('table')
  const { pen, width, height } = stage
  const wall = wallColour(stage, rng)
  const edge = height * 0.64
  const right = rng.chance(0.5)
  const w = Math.min(400, width * 0.4)
  const frame: Frame = [width * (right ? 0.53 : 0.08), height * 0.08, w, Math.min(w * 1.2, height * 0.42)]
  const wood = stage.brief.scenery.get('ground') ?? rng.pick(['#b27a47', '#9b6a44', '#c9965f'])
  const linen = rng.chance(0.35) && !stage.says('wooden', 'wooden table')
  const warm = stage.night || stage.brief.moods.has('warm')
  return {
    back:
      pen.solid(
        box([-20, -20, width + 40, edge + 40]),
        pen.gradient([lighten(wall, 0.08), wall, darken(wall, 0.16)]),
        { plain: true },
      ) +
      windowPane(stage, rng, frame) +
      curtains(stage, frame, rng.pick(['#d98b6a', '#7d97a8', '#a88aa8', '#89a58d'])) +
      pottedPlant(stage, rng, { at: [width * (right ? 0.12 : 0.9), edge + 4], size: height * 0.2 }) +
      softSpots(stage, rng, wall) +
      pen.solid(
        box([-20, edge, width + 40, height - edge + 30]),
        pen.gradient([lighten(wood, 0.2), wood, darken(wood, 0.2)]),
      ) +
      woodGrain(stage, edge, wood) +
      (linen ? stripedCloth(stage, edge) : '') +
      lightShaft(stage, frame) +
      (warm ? pen.glow([width * 0.5, height * 0.6, width * 0.55], '#ffb86a', 0.42) : ''),
    front: '',
    stand: height * 0.85,
    far: height * 0.73,
    water: null,
    air: [height * 0.14, height * 0.52],
    floor: 'top',
    shadow: darken(wood, 0.7),
    focus: right ? 0.44 : 0.56,
  }
}

function backdropColour(stage: Stage, rng: Rng): string {
  const asked = stage.brief.scenery.get('backdrop') ?? stage.brief.palette[0]
  if (asked) return asked
  const hero = stage.brief.wishes[0]
  const main = hero?.colours[0] ?? hero?.subject.colours[0]
  if (!main) return rng.pick(['#f2c6a0', '#a9d0c8', '#f4d58d', '#c8bfe7', '#f0a8a0'])
  const other = saturate(turnHue(main, rng.pick([150, 180, 210])), 0.8)
  const pale = mix(other, luminance(main) > 0.62 ? '#5f6f9a' : '#f6e7d3', 0.62)
  return pale
}

const drawStudio: DrawSetting = stage => {
  const rng = stage.rng.fork('studio')
  const { pen, width, height } = stage
  const tone = backdropColour(stage, rng)
  const short = Math.min(width, height)
  const [cx, cy] = [width / 2, height * 0.5]
  const emblem = stage.brief.framing.has('emblem')
  const plain = stage.brief.framing.has('minimal')
  const floor = height * 0.76
  const halo = pen.solid(disc(cx, cy - height * 0.04, short * 0.36), lighten(tone, 0.34), { plain: true })
  const rings = emblem
    ? pen.solid(disc(cx, cy, short * 0.45), darken(tone, 0.5)) +
      pen.solid(disc(cx, cy, short * 0.42), '#fbf3e0', { plain: true }) +
      pen.solid(disc(cx, cy, short * 0.4), mix(tone, '#ffffff', 0.12), { plain: true })
    : ''
  const plinth =
    pen.solid(oval([cx, floor + short * 0.075, short * 0.33, short * 0.075]), darken(tone, 0.2), {
      plain: true,
    }) +
    pen.solid(
      `M${n(cx - short * 0.33)} ${n(floor)}V${n(floor + short * 0.075)}A${n(short * 0.33)} ${n(short * 0.075)} 0 0 0 ${n(cx + short * 0.33)} ${n(floor + short * 0.075)}V${n(floor)}Z`,
      pen.gradient([darken(tone, 0.08), lighten(tone, 0.28), darken(tone, 0.22)], { across: true }),
    ) +
    pen.solid(oval([cx, floor, short * 0.33, short * 0.075]), lighten(tone, 0.44))
  const leaves =
    plain || emblem
      ? ''
      : repeat(5, i => {
          const x = width * (i % 2 ? 0.95 : 0.05)
          const y = height * (0.3 + i * 0.12)
          const s = i % 2 ? -1 : 1
          return pen.shade(
            taper([
              [x - s * 120, y + 60, 4],
              [x, y, 36],
              [x + s * 110, y - 60, 2],
            ]),
            darken(tone, 0.35),
            0.16,
          )
        })
  const back = pen.solid(
    box([-20, -20, width + 40, height + 40]),
    pen.gradient([lighten(tone, 0.22), tone, darken(tone, 0.08), lighten(tone, 0.12)], { raw: true }),
    { plain: true },
  )
  return {
    back:
      back +
      pen.glow([width * 0.3, height * 0.2, Math.max(width, height) * 0.7], '#ffffff', 0.34) +
      (emblem ? rings : halo + leaves + (plain ? '' : plinth)),
    front: '',
    stand: emblem ? cy + short * 0.27 : floor + short * 0.012,
    far: emblem ? cy + short * 0.2 : floor - short * 0.03,
    water: null,
    air: [height * 0.2, height * 0.66],
    floor: 'top',
    shadow: darken(tone, 0.6),
    focus: 0.5,
  }
}

export const tabletopSettings = { table: drawTable, studio: drawStudio } as const
