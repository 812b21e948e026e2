// Draws the contact sheet of the illustrator: two dozen prompts in one PNG, to be looked at after every change.
// npx esbuild scripts/contact-sheet.ts --bundle --platform=node --format=esm --packages=external --outfile=node_modules/.cache/sheet.mjs
// node node_modules/.cache/sheet.mjs sheet.png [--cell 420] [--seed 1] [--size 1024x1024] [--prompt "…" (repeatable)]
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { drawPicture } from '../src/providers/sketch/draw.ts'
import type { DrawJob } from '../src/providers/sketch/job.ts'
import { showcasePrompts } from '../src/providers/sketch/showcase.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cell: { type: 'string', default: '420' },
    seed: { type: 'string', default: '1' },
    prompt: { type: 'string', multiple: true, default: [] },
    size: { type: 'string', default: '1024x1024' },
  },
})

const target = positionals[0] ?? 'contact-sheet.png'
const prompts = values.prompt.length > 0 ? values.prompt : showcasePrompts
const cell = Number(values.cell)
const [width = 1024, height = 1024] = values.size.split('x').map(Number)
const gap = 10
const across = Math.min(prompts.length, 6)
const down = Math.ceil(prompts.length / across)
const cellHeight = Math.round((cell * height) / width)

function jobFor(prompt: string): DrawJob {
  return {
    prompt,
    negativePrompt: null,
    seed: Number(values.seed),
    index: 0,
    width,
    height,
    format: 'png',
    compression: null,
    transparent: false,
    detail: 1,
    partials: 0,
    references: [],
    mask: null,
  }
}

const cells = []
for (const [index, prompt] of prompts.entries()) {
  const start = performance.now()
  const bytes = await drawPicture(jobFor(prompt), { isCancelled: () => false, onPartial: () => undefined })
  const ms = Math.round(performance.now() - start)
  console.log(
    `${String(index + 1).padStart(2)} ${String(ms).padStart(5)} ms ${String(Math.round(bytes.length / 1024)).padStart(6)} KB  ${prompt}`,
  )
  const input = await sharp(bytes).resize(cell, cellHeight).png().toBuffer()
  cells.push({
    input,
    left: gap + (index % across) * (cell + gap),
    top: gap + Math.floor(index / across) * (cellHeight + gap),
  })
}
const sheet = sharp({
  create: {
    width: across * (cell + gap) + gap,
    height: down * (cellHeight + gap) + gap,
    channels: 3,
    background: '#ffffff',
  },
})
await writeFile(target, await sheet.composite(cells).png().toBuffer())
console.log(`wrote ${target}`)
