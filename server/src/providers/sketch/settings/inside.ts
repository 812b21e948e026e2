// Owns the rooms: the living room with its window, the library, the table top and the photographer's studio.
import { darken, lighten, luminance, mix, saturate, turnHue } from '../colour.ts'
import { box, disc, n, oval, type Point, poly, taper } from '../geometry.ts'
import { cloudShape } from '../nature.ts'
import type { Rng } from '../random.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'

const walls = ['#e8d5b5', '#c9d6c3', '#e7bfa7', '#b9c9d6', '#d9c2cf', '#8fa89b', '#d8b98a']

const wallColour = (stage: Stage, rng: Rng): string => {
  const asked = stage.brief.scenery.get('backdrop')
  const chosen = asked ?? rng.pick(walls)
  return stage.night ? mix(chosen, '#3a3358', 0.42) : chosen
}

type Frame = readonly [number, number, number, number]

/** A window with the hour and the weather outside. */
function windowPane(stage: Stage, rng: Rng, [x, y, w, h]: Frame): string {
  const { pen } = stage
  const sky = pen.solid(box([x, y, w, h]), pen.gradient(stage.sky, { raw: true }))
  const hills = `M${n(x)} ${n(y + h * 0.76)}Q${n(x + w * 0.3)} ${n(y + h * 0.6)} ${n(x + w * 0.55)} ${n(y + h * 0.74)}T${n(x + w)} ${n(y + h * 0.7)}V${n(y + h)}H${n(x)}Z`
  const near = `M${n(x)} ${n(y + h * 0.88)}Q${n(x + w * 0.4)} ${n(y + h * 0.76)} ${n(x + w)} ${n(y + h * 0.9)}V${n(y + h)}H${n(x)}Z`
  const orbAt: Point = [x + w * 0.72, y + h * 0.26]
  const orb =
    stage.weather === 'clear'
      ? pen.glow([...orbAt, w * 0.3], stage.night ? '#fff3cf' : '#fff0b8', 0.8) +
        pen.emit(disc(...orbAt, w * 0.065), '#fff6d4')
      : ''
  let drops = ''
  if (stage.weather === 'rain' || stage.weather === 'storm') {
    for (let i = 0; i < 40; i++) {
      const [dx, dy] = [x + 6 + rng.next() * (w - 10), y + rng.next() * h * 0.9]
      drops += taper([
        [dx, dy, 0.8],
        [dx - 2, dy + 12, 1.6],
      ])
    }
  }
  if (stage.weather === 'snow')
    for (let i = 0; i < 40; i++) drops += disc(x + rng.next() * w, y + rng.next() * h, rng.range(1.4, 3.4))
  let stars = ''
  if (stage.night)
    for (let i = 0; i < 26; i++)
      stars += disc(x + rng.next() * w, y + rng.next() * h * 0.6, rng.range(0.7, 1.8))
  const puff = stage.night
    ? ''
    : pen.solid(cloudShape(rng, [x + w * 0.3, y + h * 0.34, w * 0.34]), stage.cloud[0], {
        plain: true,
        opacity: 0.9,
      })
  const bar = '#fbf4e6'
  const t = Math.max(7, w * 0.035)
  const frame =
    box([x - t, y - t, w + t * 2, t], 2) +
    box([x - t, y + h, w + t * 2, t], 2) +
    box([x - t, y, t, h]) +
    box([x + w, y, t, h]) +
    box([x + w / 2 - t * 0.4, y, t * 0.8, h]) +
    box([x, y + h * 0.42, w, t * 0.8])
  return (
    sky +
    pen.emit(stars, '#ffffff', 0.8) +
    orb +
    puff +
    pen.at({ depth: 0.35 }).solid(hills, stage.grass[1] ?? '#6aa84a') +
    pen.at({ depth: 0.15 }).solid(near, stage.grass[0] ?? '#8cc456') +
    pen.shade(drops, '#ffffff', 0.6) +
    pen.solid(frame, bar) +
    pen.solid(box([x - t * 2.4, y + h + t, w + t * 4.8, t * 1.5], 3), lighten(bar, 0.3))
  )
}

function curtains(stage: Stage, [x, y, w, h]: Frame, colour: string): string {
  const { pen } = stage
  const side = (sign: 1 | -1): string => {
    const edge = sign < 0 ? x - 24 : x + w + 24
    const d = `M${n(edge - sign * 8)} ${n(y - 34)}C${n(edge - sign * w * 0.36)} ${n(y + h * 0.3)} ${n(edge - sign * w * 0.3)} ${n(y + h * 0.5)} ${n(edge - sign * 26)} ${n(y + h * 0.66)}C${n(edge - sign * 50)} ${n(y + h * 0.9)} ${n(edge - sign * 40)} ${n(y + h + 30)} ${n(edge - sign * 46)} ${n(y + h + 60)}L${n(edge + sign * 34)} ${n(y + h + 60)}C${n(edge + sign * 30)} ${n(y + h * 0.6)} ${n(edge + sign * 34)} ${n(y + h * 0.3)} ${n(edge + sign * 30)} ${n(y - 34)}Z`
    const folds = `M${n(edge)} ${n(y - 20)}C${n(edge - sign * 30)} ${n(y + h * 0.4)} ${n(edge - sign * 10)} ${n(y + h * 0.6)} ${n(edge - sign * 4)} ${n(y + h + 50)}M${n(edge + sign * 16)} ${n(y - 20)}V${n(y + h + 50)}`
    return pen.solid(d, colour) + pen.line(folds, darken(colour, 0.22), 3)
  }
  return side(-1) + side(1) + pen.solid(box([x - 70, y - 44, w + 140, 11], 5.5), '#8a6238')
}

function floorBoards(stage: Stage, rng: Rng, { top, wood }: { top: number; wood: string }): string {
  const { pen, width, height } = stage
  const vanish: Point = [width / 2, top - height * 0.5]
  let seams = ''
  for (let i = -8; i <= 8; i++) {
    const x0 = width / 2 + i * width * 0.13
    const k = (top - vanish[1]) / (height - vanish[1])
    seams += `M${n(vanish[0] + (x0 - vanish[0]) * k)} ${n(top)}L${n(x0)} ${n(height + 10)}`
  }
  let joints = ''
  for (let i = 0; i < 16; i++) {
    const [x, y] = [rng.next() * width, top + (height - top) * rng.next()]
    joints += `M${n(x)} ${n(y)}h${n(20 + (y - top) * 0.16)}`
  }
  return (
    pen.solid(
      box([-20, top, width + 40, height - top + 30]),
      pen.gradient([darken(wood, 0.2), wood, lighten(wood, 0.1)]),
      { plain: true },
    ) +
    pen.line(seams, darken(wood, 0.32), 2.4) +
    pen.line(joints, darken(wood, 0.28), 2)
  )
}

/** Light that falls from the window over wall and floor. */
const lightShaft = (stage: Stage, [x, y, w, h]: Frame): string =>
  stage.night || stage.weather !== 'clear'
    ? ''
    : stage.pen.shade(
        poly([
          [x, y],
          [x + w, y],
          [x + w * 1.9, stage.height],
          [x + w * 0.35, stage.height],
        ]),
        stage.time === 'day' ? '#fff6d8' : '#ffd9a0',
        0.2,
      ) + stage.pen.glow([x + w / 2, y + h / 2, w * 1.6], '#fff1cf', 0.34)

function pottedPlant(stage: Stage, rng: Rng, { at: [x, y], size }: { at: Point; size: number }): string {
  const { pen } = stage
  const leaves = repeat(9, i => {
    const a = -Math.PI / 2 + (i - 4) * 0.32
    const r = size * rng.range(0.8, 1.15)
    const [tx, ty] = [x + Math.cos(a) * r, y - size * 0.42 + Math.sin(a) * r]
    const [mx, my] = [x + Math.cos(a) * r * 0.5, y - size * 0.42 + Math.sin(a) * r * 0.6]
    return pen.solid(
      taper([
        [x, y - size * 0.4, 2],
        [mx, my, size * 0.1],
        [tx, ty, 1],
      ]),
      i % 2 ? '#4b8f5a' : '#3a7a4f',
    )
  })
  const w = size * 0.3
  return (
    leaves +
    pen.solid(
      `M${n(x - w)} ${n(y - size * 0.46)}H${n(x + w)}L${n(x + w * 0.72)} ${n(y)}H${n(x - w * 0.72)}Z`,
      '#c76f4a',
    ) +
    pen.solid(box([x - w * 1.1, y - size * 0.52, w * 2.2, size * 0.11], 3), '#d68058')
  )
}

function pictureFrame(stage: Stage, rng: Rng, [x, y, w, h]: Frame): string {
  const { pen } = stage
  const [a, b, c] = [
    rng.pick(['#e07a5f', '#3d7ea6', '#81b29a', '#f2cc8f']),
    rng.pick(['#f4f1de', '#fbe8c8']),
    rng.pick(['#3d405b', '#b56576', '#588b8b']),
  ]
  return (
    pen.solid(box([x - 7, y - 7, w + 14, h + 14], 3), '#7a5638') +
    pen.solid(box([x, y, w, h]), b) +
    pen.solid(disc(x + w * 0.5, y + h * 0.42, w * 0.22), a, { plain: true }) +
    pen.solid(
      `M${n(x)} ${n(y + h)}V${n(y + h * 0.74)}Q${n(x + w * 0.4)} ${n(y + h * 0.5)} ${n(x + w)} ${n(y + h * 0.8)}V${n(y + h)}Z`,
      c,
      { plain: true },
    )
  )
}

function hangingLamp(stage: Stage, x: number, drop: number): string {
  const { pen } = stage
  const lit = stage.night || stage.time === 'dusk' || stage.brief.moods.has('warm')
  return (
    pen.line(`M${n(x)} -10V${n(drop)}`, '#4a3a3a', 3) +
    (lit ? pen.glow([x, drop + 40, 420], '#ffd07a', 0.55) : '') +
    pen.solid(`M${n(x - 20)} ${n(drop)}H${n(x + 20)}L${n(x + 62)} ${n(drop + 54)}H${n(x - 62)}Z`, '#d9713f') +
    pen.emit(oval([x, drop + 56, 30, 10]), lit ? '#fff3c0' : '#fff8e6')
  )
}

const drawRoom: DrawSetting = (stage, _horizon) => {
  const rng = stage.rng.fork('room')
  const { pen, width, height } = stage
  const floor = height * 0.68
  const wall = wallColour(stage, rng)
  const right = rng.chance(0.5)
  const w = Math.min(340, width * 0.34)
  const frame: Frame = [width * (right ? 0.6 : 0.09), height * 0.14, w, Math.min(w * 1.15, height * 0.42)]
  const rug = turnHue(saturate(mix(wall, '#b5533c', 0.7), 1.1), rng.range(-30, 60))
  const cosy = stage.night
    ? pen.glow([width * 0.5, height * 0.5, Math.max(width, height) * 0.55], '#ffb45e', 0.4)
    : ''
  const stripes = repeat(Math.ceil(width / 90), i =>
    pen.shade(box([i * 90, -20, 45, floor + 20]), darken(wall, 0.3), 0.06),
  )
  return {
    back:
      pen.solid(
        box([-20, -20, width + 40, floor + 30]),
        pen.gradient([lighten(wall, 0.1), wall, darken(wall, 0.1)]),
        { plain: true },
      ) +
      stripes +
      windowPane(stage, rng, frame) +
      curtains(stage, frame, rng.pick(['#c8553d', '#557a95', '#8b6f9a', '#6a8d73', '#d39a4a'])) +
      pictureFrame(stage, rng, [
        width * (right ? 0.14 : 0.64),
        height * 0.17,
        width * 0.09 + 40,
        height * 0.14,
      ]) +
      pictureFrame(stage, rng, [
        width * (right ? 0.3 : 0.82),
        height * 0.22,
        width * 0.06 + 30,
        height * 0.1,
      ]) +
      floorBoards(stage, rng, { top: floor, wood: stage.night ? '#8a5f42' : '#b98758' }) +
      pen.solid(box([-20, floor - 14, width + 40, 16]), '#f4ead6') +
      hangingLamp(stage, width * (right ? 0.3 : 0.72), height * 0.07) +
      pen.solid(oval([width * 0.5, height * 0.87, width * 0.42, height * 0.085]), rug) +
      pen.shade(oval([width * 0.5, height * 0.87, width * 0.36, height * 0.068]), lighten(rug, 0.5), 0.4) +
      pen.solid(oval([width * 0.5, height * 0.87, width * 0.33, height * 0.06]), darken(rug, 0.1), {
        plain: true,
      }) +
      pottedPlant(stage, rng, { at: [width * (right ? 0.07 : 0.93), floor + 60], size: height * 0.24 }) +
      lightShaft(stage, frame) +
      cosy,
    front: '',
    stand: height * 0.88,
    far: height * 0.75,
    water: null,
    air: [height * 0.16, height * 0.6],
    floor: 'land',
    shadow: '#3a2230',
    focus: 0.5,
  }
}

function bookRow(stage: Stage, rng: Rng, [x, y, w, h]: Frame): string {
  const hues = [
    '#a63d40',
    '#3d5a80',
    '#5f7a4f',
    '#c58b3c',
    '#6d4c7d',
    '#8a5a3c',
    '#2f6f73',
    '#b56b5a',
    '#d8b36a',
    '#454a6b',
  ]
  const paths = hues.map(() => '')
  let bands = ''
  for (let at = x + 3; at < x + w - 6; ) {
    const bw = rng.range(9, 22)
    const bh = h * rng.range(0.68, 0.94)
    const k = rng.int(0, hues.length - 1)
    if (at + bw > x + w - 2) break
    paths[k] += box([at, y + h - bh, bw - 1.4, bh], 1.5)
    if (rng.chance(0.55))
      bands += box([at + 2, y + h - bh * 0.82, bw - 5.4, 3]) + box([at + 2, y + h - bh * 0.3, bw - 5.4, 3])
    at += rng.chance(0.08) ? bw + 20 : bw
  }
  return (
    paths
      .map((d, i) =>
        d ? stage.pen.solid(d, hues[i] ?? '#8a5a3c', { plain: stage.pen.ink.kind === 'fill' }) : '',
      )
      .join('') + stage.pen.shade(bands, '#f2d792', 0.75)
  )
}

const drawLibrary: DrawSetting = (stage, _horizon) => {
  const rng = stage.rng.fork('library')
  const { pen, width, height } = stage
  const floor = height * 0.74
  const wood = '#6f4528'
  const columns = Math.max(2, Math.round(width / 330))
  const cell = width / columns
  const rows = Math.max(4, Math.round(floor / 132))
  const high = floor / rows
  const shelves = repeat(
    columns,
    c =>
      repeat(rows, r => {
        const frame: Frame = [c * cell + 12, r * high + 8, cell - 24, high - 20]
        return (
          pen.solid(box(frame), darken(wood, 0.55), { plain: true }) +
          bookRow(stage, rng, frame) +
          pen.solid(box([c * cell, r * high + high - 12, cell, 12]), lighten(wood, 0.08))
        )
      }) + pen.solid(box([c * cell - 9, -10, 18, floor + 10]), pen.gradient([lighten(wood, 0.12), wood])),
  )
  const w = Math.min(230, width * 0.26)
  const frame: Frame = [width / 2 - w / 2, height * 0.07, w, height * 0.36]
  const glow = pen.glow([width * 0.5, height * 0.55, Math.max(width, height) * 0.6], '#ffbe6a', 0.42)
  const ladderX = width * 0.84
  const ladder = pen.line(
    `M${n(ladderX)} ${n(floor + 40)}L${n(ladderX + 60)} 20M${n(ladderX + 54)} ${n(floor + 40)}L${n(ladderX + 114)} 20${repeat(9, i => `M${n(ladderX + 5 + i * 6.4)} ${n(floor - 6 - i * (floor / 9.6))}h54`)}`,
    '#c08a50',
    7,
  )
  return {
    back:
      pen.solid(box([-20, -20, width + 40, height + 40]), wood, { plain: true }) +
      shelves +
      pen.solid(box([frame[0] - 30, -20, frame[2] + 60, frame[3] + height * 0.07 + 52]), wood) +
      windowPane(stage, rng, frame) +
      floorBoards(stage, rng, { top: floor, wood: '#7d5233' }) +
      ladder +
      pen.solid(oval([width * 0.5, height * 0.89, width * 0.42, height * 0.08]), '#8c2f39') +
      pen.solid(oval([width * 0.5, height * 0.89, width * 0.37, height * 0.066]), '#a8434a', {
        plain: true,
      }) +
      lightShaft(stage, frame) +
      glow,
    front: repeat(2, i => {
      const x = i === 0 ? width * 0.07 : width * 0.95
      return repeat(4, k =>
        pen.solid(
          box([x - 62 + rng.range(-8, 8), height - 26 - k * 26, 118 - k * 8, 25], 4),
          rng.pick(['#a63d40', '#3d5a80', '#5f7a4f', '#c58b3c']),
        ),
      )
    }),
    stand: height * 0.9,
    far: height * 0.8,
    water: null,
    air: [height * 0.16, height * 0.6],
    floor: 'land',
    shadow: '#2a1420',
    focus: 0.5,
  }
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
  const grain = repeat(5, i => {
    const y = edge + (height - edge) * (0.12 + i * 0.19)
    return pen.line(
      `M-20 ${n(y)}C${n(width * 0.3)} ${n(y - 10 + i * 3)} ${n(width * 0.6)} ${n(y + 12)} ${n(width + 20)} ${n(y - 4)}`,
      darken(wood, 0.26),
      2.2,
    )
  })
  const spots = repeat(14, () =>
    pen.glow(
      [rng.next() * width, rng.range(0.02, 0.56) * height, rng.range(30, 90)],
      rng.pick(['#fff1c9', '#ffd9a8', lighten(wall, 0.6)]),
      0.3,
    ),
  )
  const cloth = linen
    ? pen.solid(
        `M${n(width * 0.08)} ${n(edge + 12)}L${n(width * 0.92)} ${n(edge + 12)}L${n(width * 1.06)} ${n(height + 20)}H${n(-width * 0.06)}Z`,
        pen.gradient(['#f7efe0', '#e8dcc4']),
      ) +
      repeat(7, i =>
        pen.shade(
          poly([
            [width * (0.1 + i * 0.12), edge + 12],
            [width * (0.135 + i * 0.12), edge + 12],
            [width * (0.02 + i * 0.15), height + 20],
            [width * (-0.03 + i * 0.15), height + 20],
          ]),
          '#c8553d',
          0.2,
        ),
      )
    : ''
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
      spots +
      pen.solid(
        box([-20, edge, width + 40, height - edge + 30]),
        pen.gradient([lighten(wood, 0.2), wood, darken(wood, 0.2)]),
      ) +
      grain +
      cloth +
      lightShaft(stage, frame) +
      (stage.night || stage.brief.moods.has('warm')
        ? pen.glow([width * 0.5, height * 0.6, width * 0.55], '#ffb86a', 0.42)
        : ''),
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

export const insideSettings = {
  room: drawRoom,
  library: drawLibrary,
  table: drawTable,
  studio: drawStudio,
} as const
