// What an order puts into the slots of a workflow, and which pictures go up before it.
import { createHash, randomInt } from 'node:crypto'
import { stripEngineCommands } from '../engine-prompt.ts'
import type { ProviderFailure, ProviderRequest } from '../provider.ts'
import { toWhiteMask } from '../white-mask.ts'
import type { SlotValue, Workflow } from './workflow.ts'

export type Upload = { name: string; mediaType: string; read(): Promise<Buffer> }

export type Plan = {
  /** Without pictures, whose names on the engine are known when they are there. */
  values: Map<string, SlotValue>
  references: Upload[]
  mask: Upload | null
}

const ENDINGS: Record<string, string> = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/webp': 'webp' }
/** Samplers take 64 bits; JSON carries these exactly. */
const MAX_SEED = 2 ** 48 - 1

/** A name of our choice for the work: the same for the same attempt, so that it can be found again. */
export function choosePromptId(attemptId: string): string {
  const hex = createHash('sha256').update(`darkroom ${attemptId}`).digest('hex')
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) % 4]
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`]
  return [...parts, hex.slice(20, 32)].join('-')
}

/** What to put where, or why this workflow cannot serve the order. */
export function planOrder(
  workflow: Workflow,
  request: ProviderRequest,
  promptId: string,
): Plan | ProviderFailure {
  const { slots } = workflow
  const prompt = stripEngineCommands(request.prompt)
  const values = new Map<string, SlotValue>([['prompt', prompt]])
  const { negativePrompt, seed, width, height, count, references, mask } = request
  if (negativePrompt !== null || slots.has('negativePrompt'))
    values.set('negativePrompt', negativePrompt ?? '')
  // The engine answers a repeated order from its memory and draws nothing, so that each has a seed of its own.
  if (seed !== null || slots.has('seed')) values.set('seed', seed ?? randomInt(MAX_SEED))
  // A workflow without these makes pictures of a size of its own, such as that of its reference.
  if (width !== null && height !== null && slots.has('width'))
    values.set('width', width).set('height', height)
  if (count > 1 || slots.has('count')) values.set('count', count)
  for (const [name, value] of Object.entries(request.parameters)) values.set(name, value)
  const missing = [...values.keys()].find(slot => !slots.has(slot))
  if (missing !== undefined)
    return misfit(workflow, `has no slot ${missing}, which its row in the catalogue promises`)
  const expected = slots.get('references')?.length ?? 0
  if (references.length !== expected) {
    return invalid(
      'references',
      `the workflow ${workflow.name} takes ${expected} pictures, not ${references.length}`,
    )
  }
  if ((mask !== null) !== slots.has('mask')) {
    return invalid('mask', `the workflow ${workflow.name} ${mask === null ? 'needs a' : 'takes no'} mask`)
  }
  return {
    values,
    references: references.map((picture, index) => ({
      name: `${promptId}-${index + 1}.${ENDINGS[picture.mediaType] ?? 'png'}`,
      mediaType: picture.mediaType,
      read: () => picture.read(),
    })),
    mask:
      mask === null
        ? null
        : { name: `${promptId}-mask.png`, mediaType: 'image/png', read: () => toWhiteMask(mask) },
  }
}

function misfit({ name }: Workflow, what: string): ProviderFailure {
  return { kind: 'failed', failure: 'misconfigured', message: `comfyui: the workflow ${name} ${what}` }
}

function invalid(field: string, message: string): ProviderFailure {
  return { kind: 'failed', failure: 'invalid_request', message: `comfyui: ${message}`, field }
}
