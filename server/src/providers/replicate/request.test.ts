// What each model on Replicate is sent: its own names for the same ideas, nothing it does not know, and refusals of what
// it has no field for.
import { describe, expect, it } from 'vitest'
import { plainRequest } from '../../../test/provider-context.ts'
import type { ProviderRequest, ReferenceImage } from '../provider.ts'
import { planPrediction } from './request.ts'

const picture: ReferenceImage = {
  mediaType: 'image/png',
  sizeBytes: 10,
  width: 8,
  height: 8,
  read: async () => Buffer.alloc(10),
}
const version = '7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc'

function plan(model: string, more: Partial<ProviderRequest> = {}) {
  const planned = planPrediction(plainRequest(model, { prompt: 'a boat', ...more }))
  if (!planned.ok) throw new Error(JSON.stringify(planned.failure))
  return planned.plan
}

function refusal(model: string, more: Partial<ProviderRequest>) {
  const planned = planPrediction(plainRequest(model, more))
  return planned.ok ? null : planned.failure
}

const wide = { aspectRatio: '16:9' }
const jpeg = { outputFormat: 'jpeg', outputCompression: 60 } as const

const mappings: [string, Partial<ProviderRequest>, Record<string, unknown>][] = [
  [
    'stability-ai/sdxl',
    {
      width: 1360,
      height: 768,
      negativePrompt: 'rain',
      seed: 7,
      count: 3,
      parameters: { version, apply_watermark: false, guidance_scale: 5 },
    },
    {
      width: 1360,
      height: 768,
      negative_prompt: 'rain',
      seed: 7,
      num_outputs: 3,
      apply_watermark: false,
      guidance_scale: 5,
    },
  ],
  [
    'black-forest-labs/flux-schnell',
    { ...wide, ...jpeg, seed: 7, count: 2, parameters: { go_fast: false, megapixels: '0.25' } },
    {
      aspect_ratio: '16:9',
      seed: 7,
      num_outputs: 2,
      output_format: 'jpg',
      output_quality: 60,
      go_fast: false,
      megapixels: '0.25',
    },
  ],
  [
    'black-forest-labs/flux-dev',
    { ...wide, outputFormat: 'png', parameters: { guidance: 4 } },
    { aspect_ratio: '16:9', output_format: 'png', guidance: 4 },
  ],
  ['black-forest-labs/flux-pro', { ...wide, seed: 7 }, { aspect_ratio: '16:9', seed: 7 }],
  [
    'black-forest-labs/flux-pro',
    { width: 1024, height: 768 },
    { aspect_ratio: 'custom', width: 1024, height: 768 },
  ],
  [
    'black-forest-labs/flux-kontext-max',
    { aspectRatio: '9:21', outputFormat: 'jpeg', parameters: { safety_tolerance: 5 } },
    { aspect_ratio: '9:21', output_format: 'jpg', safety_tolerance: 5 },
  ],
  [
    'black-forest-labs/flux-kontext-max',
    { ...wide, references: [picture], parameters: { safety_tolerance: 5 } },
    { aspect_ratio: '16:9', safety_tolerance: 2 },
  ],
  ['google/nano-banana', { ...wide, ...jpeg }, { aspect_ratio: '16:9', output_format: 'jpg' }],
  [
    'google/nano-banana-pro',
    { ...wide, resolution: '4K', parameters: { allow_fallback_model: true } },
    { aspect_ratio: '16:9', resolution: '4K', allow_fallback_model: false },
  ],
  ['google/nano-banana-2', { ...wide, resolution: '2K' }, { aspect_ratio: '16:9', resolution: '2K' }],
  ['bytedance/seedream-4', { ...wide, resolution: '1K' }, { aspect_ratio: '16:9', size: '1K' }],
  [
    'bytedance/seedream-4',
    { width: 2048, height: 1024, parameters: { enhance_prompt: false } },
    { size: 'custom', width: 2048, height: 1024, enhance_prompt: false },
  ],
  ['bytedance/seedream-4.5', { aspectRatio: '9:21', resolution: '2K' }, { aspect_ratio: '9:21', size: '2K' }],
  [
    'bytedance/seedream-5-lite',
    { ...wide, ...jpeg, resolution: '2K' },
    { aspect_ratio: '16:9', size: '2K', output_format: 'jpeg' },
  ],
  [
    'prunaai/flux-fast',
    { ...wide, outputFormat: 'webp', outputCompression: 50, seed: 7, parameters: { image_size: 1024 } },
    { aspect_ratio: '16:9', output_format: 'webp', output_quality: 50, seed: 7, image_size: 1024 },
  ],
  [
    'qwen/qwen-image',
    { negativePrompt: 'rain', seed: 7 },
    { aspect_ratio: '1:1', negative_prompt: 'rain', seed: 7 },
  ],
  [
    'stability-ai/stable-diffusion-3.5-large',
    { ...wide, negativePrompt: 'rain', seed: 7, parameters: { cfg: 5 } },
    { aspect_ratio: '16:9', negative_prompt: 'rain', seed: 7, cfg: 5 },
  ],
  ['google/imagen-4', { ...wide, resolution: '2K' }, { aspect_ratio: '16:9', image_size: '2K' }],
  ['google/imagen-3', { ...wide, outputFormat: 'png' }, { aspect_ratio: '16:9', output_format: 'png' }],
  [
    'black-forest-labs/flux-2-pro',
    { ...wide, resolution: '1 MP', seed: 7 },
    { aspect_ratio: '16:9', resolution: '1 MP', seed: 7 },
  ],
]

describe('the inputs of a prediction', () => {
  it.each(mappings)('of %s for %j', (model, request, inputs) => {
    expect(plan(model, request).inputs).toEqual({ prompt: 'a boat', ...inputs })
  })

  it('hold nothing but the prompt when nothing else was asked for', () => {
    expect(plan('black-forest-labs/flux-schnell').inputs).toEqual({ prompt: 'a boat' })
  })

  it.each<[string, Partial<ProviderRequest>, string]>([
    ['black-forest-labs/flux-schnell', { aspectRatio: '2:1' }, 'aspectRatio'],
    ['black-forest-labs/flux-schnell', { width: 512, height: 512 }, 'size'],
    ['black-forest-labs/flux-schnell', { resolution: '2K' }, 'resolution'],
    ['black-forest-labs/flux-schnell', { negativePrompt: 'rain' }, 'negativePrompt'],
    ['black-forest-labs/flux-schnell', { count: 5 }, 'count'],
    ['black-forest-labs/flux-schnell', { references: [picture] }, 'references'],
    ['black-forest-labs/flux-kontext-max', { outputFormat: 'webp' }, 'outputFormat'],
    ['black-forest-labs/flux-kontext-max', { references: [picture, picture] }, 'references'],
    ['google/nano-banana', { seed: 7 }, 'seed'],
    ['google/nano-banana', { references: [picture], mask: picture }, 'mask'],
    ['google/nano-banana', { count: 2 }, 'count'],
    ['bytedance/seedream-4', { outputFormat: 'png' }, 'outputFormat'],
    ['stability-ai/sdxl', { aspectRatio: '1:1' }, 'aspectRatio'],
    ['stability-ai/sdxl', { mask: picture }, 'mask'],
    ['nano-banana', {}, 'model'],
    ['a/b/c', {}, 'model'],
    ['google/../predictions', {}, 'model'],
    ['stability-ai/sdxl', { parameters: { version: 'latest' } }, 'model'],
  ])('are refused by %s for %j, naming %s', (model, request, field) => {
    expect(refusal(model, request)).toMatchObject({ failure: 'invalid_request', field })
  })

  it('leave out a parameter that the model does not take, and say so', () => {
    const { inputs, warnings } = plan('google/nano-banana', { parameters: { go_fast: true } })
    expect(inputs).not.toHaveProperty('go_fast')
    expect(warnings).toEqual([expect.stringContaining('go_fast')])
  })

  it('take every parameter for a model that only the operator knows', () => {
    const own = { aspectRatio: '7:5', seed: 1, count: 2, parameters: { version, steps: 9 } }
    const { inputs, version: sent, path } = plan('someone/own-model', own)
    expect(inputs).toEqual({ prompt: 'a boat', aspect_ratio: '7:5', seed: 1, num_outputs: 2, steps: 9 })
    expect({ sent, path }).toEqual({ sent: version, path: '/predictions' })
  })
})

describe('where a prediction is created', () => {
  it('is the route of the model for official ones, and the route of versions for others', () => {
    expect(plan('google/nano-banana')).toMatchObject({
      path: '/models/google/nano-banana/predictions',
      version: null,
    })
    const bySuffix = plan(`stability-ai/sdxl:${version}`)
    expect(bySuffix).toMatchObject({ path: '/predictions', version, modelName: 'stability-ai/sdxl' })
    expect(plan('stability-ai/sdxl', { parameters: { version } })).toMatchObject({
      path: '/predictions',
      version,
    })
  })
})
