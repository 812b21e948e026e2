// Owns the rooms one can stand in: the living room and the library.
import { darken, lighten, mix, saturate, turnHue } from '../colour.ts'
import { box, disc, n, oval } from '../geometry.ts'
import type { Rng } from '../random.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'
import {
  curtains,
  type Frame,
  floorBoards,
  lightShaft,
  pottedPlant,
  wallColour,
  windowPane,
} from './furnishing.ts'

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

export const insideSettings = { room: drawRoom, library: drawLibrary } as const
