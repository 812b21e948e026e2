// The nodes that the emulated ComfyUI has, how it checks a workflow before it queues it, and what the workflow draws.

import type { Answer } from '../faults.ts'
import { json } from '../sdapi/requests.ts'

export type Graph = Record<string, { class_type: string; inputs: Record<string, unknown> }>

type Input =
  | { kind: 'link' }
  | { kind: 'text' }
  | { kind: 'integer'; min: number; max: number }
  | { kind: 'number' }
  | { kind: 'choice'; of(files: ReadonlySet<string>): string[] }

export const checkpoint = 'v1-5-pruned-emaonly.safetensors'
const link: Input = { kind: 'link' }
const text: Input = { kind: 'text' }
const edge: Input = { kind: 'integer', min: 16, max: 16_384 }
const choice = (...values: string[]): Input => ({ kind: 'choice', of: () => values })
const uploaded: Input = { kind: 'choice', of: files => [...files] }

const nodes: Record<string, { inputs: Record<string, Input>; isOutput?: boolean }> = {
  CheckpointLoaderSimple: { inputs: { ckpt_name: choice(checkpoint) } },
  CLIPTextEncode: { inputs: { text, clip: link } },
  EmptyLatentImage: {
    inputs: { width: edge, height: edge, batch_size: { kind: 'integer', min: 1, max: 4096 } },
  },
  KSampler: {
    inputs: {
      seed: { kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER },
      steps: { kind: 'integer', min: 1, max: 10_000 },
      cfg: { kind: 'number' },
      sampler_name: choice('euler', 'dpmpp_2m'),
      scheduler: choice('normal', 'karras'),
      denoise: { kind: 'number' },
      model: link,
      positive: link,
      negative: link,
      latent_image: link,
    },
  },
  LoadImage: { inputs: { image: uploaded } },
  LoadImageMask: { inputs: { image: uploaded, channel: choice('red', 'green', 'blue', 'alpha') } },
  VAEEncode: { inputs: { pixels: link, vae: link } },
  VAEEncodeForInpaint: { inputs: { pixels: link, vae: link, mask: link } },
  VAEDecode: { inputs: { samples: link, vae: link } },
  SaveImage: { inputs: { images: link, filename_prefix: text }, isOutput: true },
  PreviewImage: { inputs: { images: link }, isOutput: true },
}

type NodeError = { type: string; message: string; details: string; extra_info: { input_name: string } }

/** The engine's own refusal, or null. */
export function checkGraph(graph: Graph, files: ReadonlySet<string>): Answer | null {
  const ids = Object.keys(graph)
  for (const id of ids) {
    const type = graph[id]?.class_type ?? ''
    if (type in nodes) continue
    const message = `Cannot execute because node ${type} does not exist.`
    return refuse({ type: 'invalid_prompt', message, details: `Node ID '#${id}'` }, {})
  }
  const outputs = ids.filter(id => nodes[graph[id]?.class_type ?? '']?.isOutput === true)
  if (outputs.length === 0) return refuse({ type: 'prompt_no_outputs', message: 'Prompt has no outputs' }, {})
  const errors = Object.fromEntries(
    ids.flatMap(id => {
      const found = checkNode(graph, id, files)
      if (found.length === 0) return []
      return [[id, { errors: found, dependent_outputs: outputs, class_type: graph[id]?.class_type }]]
    }),
  )
  if (Object.keys(errors).length === 0) return null
  const message = 'Prompt outputs failed validation'
  return refuse({ type: 'prompt_outputs_failed_validation', message }, errors)
}

export function refuse(error: Record<string, unknown>, node_errors: Record<string, unknown>): Answer {
  return json(400, { error: { details: '', extra_info: {}, ...error }, node_errors })
}

function checkNode(graph: Graph, id: string, files: ReadonlySet<string>): NodeError[] {
  const node = graph[id]
  const wanted = nodes[node?.class_type ?? '']?.inputs ?? {}
  return Object.entries(wanted).flatMap(([name, input]) => {
    const fault = checkInput(node?.inputs[name], input, files)
    return fault === null ? [] : [{ ...fault, extra_info: { input_name: name } }]
  })
}

function checkInput(
  value: unknown,
  input: Input,
  files: ReadonlySet<string>,
): Omit<NodeError, 'extra_info'> | null {
  const said = (type: string, message: string) => ({ type, message, details: `${JSON.stringify(value)}` })
  if (value === undefined) return said('required_input_missing', 'Required input is missing')
  if (Array.isArray(value)) return null
  if (input.kind === 'link') return said('bad_linked_input', 'Bad linked input, must be a length-2 list')
  if (input.kind === 'choice') {
    return input.of(files).includes(String(value)) ? null : said('value_not_in_list', 'Value not in list')
  }
  if (input.kind === 'text') return null
  if (typeof value !== 'number' || (input.kind === 'integer' && !Number.isInteger(value))) {
    return said('invalid_input_type', 'Failed to convert an input value')
  }
  if (input.kind === 'number') return null
  if (value < input.min) return said('value_smaller_than_min', `Value smaller than min of ${input.min}`)
  return value > input.max ? said('value_bigger_than_max', `Value bigger than max of ${input.max}`) : null
}

export type Meaning = {
  prompt: string
  negativePrompt: string
  seed: number
  steps: number
  /** Null: the size of the first picture that comes in. */
  width: number | null
  height: number | null
  count: number
  images: string[]
  masks: string[]
  /** Nodes that save, and those that only show. */
  outputs: { id: string; type: 'output' | 'temp' }[]
}

/** Follows the links from the sampler. */
export function readMeaning(graph: Graph): Meaning {
  const byType = (type: string) => Object.values(graph).filter(node => node.class_type === type)
  const [sampler] = byType('KSampler')
  const follow = (from: unknown) => (Array.isArray(from) ? graph[String(from[0])] : undefined)
  const latent = follow(sampler?.inputs.latent_image)
  const isEmpty = latent?.class_type === 'EmptyLatentImage'
  const texts = (input: string) => String(follow(sampler?.inputs[input])?.inputs.text ?? '')
  return {
    prompt: texts('positive'),
    negativePrompt: texts('negative'),
    seed: Number(sampler?.inputs.seed ?? 0),
    steps: Number(sampler?.inputs.steps ?? 1),
    width: isEmpty ? Number(latent.inputs.width) : null,
    height: isEmpty ? Number(latent.inputs.height) : null,
    count: isEmpty ? Number(latent.inputs.batch_size) : 1,
    images: byType('LoadImage').map(node => String(node.inputs.image)),
    masks: byType('LoadImageMask').map(node => String(node.inputs.image)),
    outputs: Object.entries(graph).flatMap(([id, { class_type }]): Meaning['outputs'] =>
      class_type === 'SaveImage'
        ? [{ id, type: 'output' }]
        : class_type === 'PreviewImage'
          ? [{ id, type: 'temp' }]
          : [],
    ),
  }
}
