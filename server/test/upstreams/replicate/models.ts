// The models of the emulated vendor: their inputs as their schemas state them, the form of their output, and the
// pixels they make. Written from the vendor's documentation, not from the adapter.

export type Field = {
  type: 'string' | 'integer' | 'number' | 'boolean' | 'uri' | 'uris'
  values?: readonly string[]
  min?: number
  max?: number
  multipleOf?: number
  required?: true
  default?: string | number | boolean
}

export type EmulatedModel = {
  name: string
  /** Community models answer 404 on the route of the official ones. */
  isOfficial: boolean
  version: string
  /** A URL or a list of them. */
  output: 'string' | 'array'
  fields: Record<string, Field>
  /** Unknown inputs are a 422; others ignore them. */
  isStrict: boolean
  format: 'png' | 'jpg' | 'webp'
  sizes: 'flux' | 'pixels' | 'plain'
}

const ratios11 = ['1:1', '16:9', '21:9', '3:2', '2:3', '4:5', '5:4', '3:4', '4:3', '9:16', '9:21']
const gemini10 = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9']
const seedream8 = ['1:1', '4:3', '3:4', '16:9', '9:16', '3:2', '2:3', '21:9']

const prompt: Field = { type: 'string', required: true }
const seed: Field = { type: 'integer' }
const flag = (value: boolean): Field => ({ type: 'boolean', default: value })
const choice = (values: readonly string[], initial = values[0] ?? ''): Field => ({
  type: 'string',
  values,
  default: initial,
})
const range = (min: number, max: number, initial: number): Field => ({
  type: 'integer',
  min,
  max,
  default: initial,
})
const share = (min: number, max: number, initial: number): Field => ({
  ...range(min, max, initial),
  type: 'number',
})
const safety = choice(['block_low_and_above', 'block_medium_and_above', 'block_only_high'], 'block_only_high')
const three = choice(['webp', 'jpg', 'png'])
const quality = range(0, 100, 80)

const fluxFields: Record<string, Field> = {
  prompt,
  aspect_ratio: choice(ratios11),
  num_outputs: range(1, 4, 1),
  num_inference_steps: range(1, 4, 4),
  seed,
  output_format: three,
  output_quality: quality,
  disable_safety_checker: flag(false),
  go_fast: flag(true),
  megapixels: choice(['1', '0.25']),
}

const geminiFields: Record<string, Field> = {
  prompt,
  image_input: { type: 'uris', max: 3 },
  aspect_ratio: choice(['match_input_image', ...gemini10]),
  output_format: choice(['jpg', 'png']),
}

const seedreamFields: Record<string, Field> = {
  prompt,
  image_input: { type: 'uris', max: 10 },
  size: choice(['1K', '2K', '4K', 'custom'], '2K'),
  width: range(1024, 4096, 2048),
  height: range(1024, 4096, 2048),
  aspect_ratio: choice(['match_input_image', ...seedream8]),
  sequential_image_generation: choice(['disabled', 'auto']),
  max_images: range(1, 15, 1),
  enhance_prompt: flag(true),
}

const { enhance_prompt: _enhance, ...seedream45Fields } = seedreamFields
const imagenFields: Record<string, Field> = {
  prompt,
  aspect_ratio: choice(['1:1', '9:16', '16:9', '3:4', '4:3']),
  safety_filter_level: safety,
  output_format: choice(['jpg', 'png']),
}

type Given = Partial<EmulatedModel> & Pick<EmulatedModel, 'output' | 'fields' | 'format'>

const given: Record<string, Given> = {
  'stability-ai/sdxl': {
    isOfficial: false,
    version: '7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc',
    output: 'array',
    format: 'png',
    sizes: 'pixels',
    fields: {
      prompt: { type: 'string', default: 'An astronaut riding a rainbow unicorn' },
      negative_prompt: { type: 'string', default: '' },
      image: { type: 'uri' },
      mask: { type: 'uri' },
      width: { ...range(8, 2048, 1024), multipleOf: 8 },
      height: { ...range(8, 2048, 1024), multipleOf: 8 },
      num_outputs: range(1, 4, 1),
      scheduler: choice(
        ['DDIM', 'DPMSolverMultistep', 'HeunDiscrete', 'KarrasDPM', 'K_EULER_ANCESTRAL', 'K_EULER', 'PNDM'],
        'K_EULER',
      ),
      num_inference_steps: range(1, 500, 50),
      guidance_scale: share(1, 50, 7.5),
      prompt_strength: share(0, 1, 0.8),
      seed,
      refine: choice(['no_refiner', 'expert_ensemble_refiner', 'base_image_refiner']),
      high_noise_frac: share(0, 1, 0.8),
      refine_steps: { type: 'integer' },
      apply_watermark: flag(true),
      lora_scale: share(0, 1, 0.6),
      replicate_weights: { type: 'string' },
      disable_safety_checker: flag(false),
    },
  },
  'black-forest-labs/flux-schnell': {
    output: 'array',
    format: 'webp',
    sizes: 'flux',
    fields: fluxFields,
  },
  'black-forest-labs/flux-dev': {
    output: 'array',
    format: 'webp',
    sizes: 'flux',
    fields: {
      ...fluxFields,
      num_inference_steps: range(1, 50, 28),
      image: { type: 'uri' },
      prompt_strength: share(0, 1, 0.8),
      guidance: share(0, 10, 3),
    },
  },
  'black-forest-labs/flux-pro': {
    output: 'string',
    format: 'webp',
    fields: {
      prompt,
      aspect_ratio: choice(['1:1', '16:9', '3:2', '2:3', '4:5', '5:4', '9:16', '3:4', '4:3', 'custom']),
      width: { ...range(256, 1440, 1024), multipleOf: 32 },
      height: { ...range(256, 1440, 1024), multipleOf: 32 },
      image_prompt: { type: 'uri' },
      guidance: share(2, 5, 3),
      safety_tolerance: range(1, 6, 2),
      prompt_upsampling: flag(false),
      seed,
      output_format: three,
      output_quality: quality,
    },
  },
  'black-forest-labs/flux-kontext-max': {
    output: 'string',
    format: 'png',
    fields: {
      prompt,
      input_image: { type: 'uri' },
      aspect_ratio: choice(['match_input_image', ...ratios11, '2:1', '1:2']),
      output_format: choice(['png', 'jpg']),
      safety_tolerance: range(0, 6, 2),
      prompt_upsampling: flag(false),
      seed,
    },
  },
  'google/nano-banana': { output: 'string', format: 'jpg', fields: geminiFields },
  'google/nano-banana-pro': {
    output: 'string',
    format: 'jpg',
    fields: {
      ...geminiFields,
      image_input: { type: 'uris', max: 14 },
      resolution: choice(['1K', '2K', '4K'], '2K'),
      safety_filter_level: safety,
      allow_fallback_model: flag(false),
    },
  },
  'google/nano-banana-2': {
    output: 'string',
    format: 'jpg',
    fields: {
      ...geminiFields,
      image_input: { type: 'uris', max: 14 },
      resolution: choice(['1K', '2K', '4K'], '1K'),
      google_search: flag(false),
      image_search: flag(false),
    },
  },
  'bytedance/seedream-4': { output: 'array', format: 'jpg', fields: seedreamFields },
  'bytedance/seedream-4.5': {
    output: 'array',
    format: 'jpg',
    fields: {
      ...seedream45Fields,
      image_input: { type: 'uris', max: 14 },
      size: choice(['2K', '4K', 'custom']),
      aspect_ratio: choice(['match_input_image', ...seedream8, '4:5', '5:4', '9:21']),
      disable_safety_checker: flag(false),
    },
  },
  'bytedance/seedream-5-lite': {
    output: 'array',
    format: 'png',
    fields: {
      prompt,
      image_input: { type: 'uris', max: 10 },
      size: choice(['2K', '3K']),
      aspect_ratio: choice(['match_input_image', ...seedream8]),
      output_format: choice(['png', 'jpeg']),
    },
  },
  'prunaai/flux-fast': {
    output: 'string',
    format: 'jpg',
    isStrict: false,
    fields: {
      prompt,
      aspect_ratio: choice(ratios11),
      image_size: range(64, 2048, 1024),
      seed: { type: 'integer', default: -1 },
      guidance: share(0, 20, 3.5),
      num_inference_steps: range(1, 50, 28),
      output_format: choice(['png', 'jpg', 'webp'], 'jpg'),
      output_quality: quality,
      speed_mode: choice(
        [
          'Lightly Juiced 🍊 (more consistent)',
          'Juiced 🔥 (default)',
          'Extra Juiced 🔥 (more speed)',
          'Blink of an eye 👁️',
        ],
        'Extra Juiced 🔥 (more speed)',
      ),
    },
  },
  'qwen/qwen-image': {
    output: 'array',
    format: 'webp',
    fields: {
      prompt,
      negative_prompt: { type: 'string', default: ' ' },
      aspect_ratio: choice(['1:1', '16:9', '9:16', '4:3', '3:4', '3:2', '2:3'], '16:9'),
      image_size: choice(['optimize_for_quality', 'optimize_for_speed']),
      image: { type: 'uri' },
      strength: share(0, 1, 0.9),
      seed,
      guidance: share(0, 10, 3),
      num_inference_steps: range(1, 50, 30),
      go_fast: flag(true),
      enhance_prompt: flag(false),
      output_format: three,
      output_quality: quality,
      lora_weights: { type: 'string' },
      lora_scale: share(0, 4, 1),
      extra_lora_weights: { type: 'string' },
      extra_lora_scale: { type: 'string' },
      disable_safety_checker: flag(false),
    },
  },
  'stability-ai/stable-diffusion-3.5-large': {
    output: 'string',
    format: 'webp',
    fields: {
      prompt,
      negative_prompt: { type: 'string' },
      aspect_ratio: choice(['1:1', '16:9', '21:9', '3:2', '2:3', '4:5', '5:4', '9:16', '9:21']),
      cfg: share(0, 20, 4.5),
      image: { type: 'uri' },
      prompt_strength: share(0, 1, 0.85),
      seed,
      output_format: three,
    },
  },
  'black-forest-labs/flux-2-pro': {
    output: 'string',
    format: 'webp',
    fields: {
      prompt,
      input_images: { type: 'uris', max: 8 },
      aspect_ratio: choice([...ratios11, 'match_input_image', 'custom'], '1:1'),
      resolution: choice(['0.5 MP', '1 MP', '2 MP', '4 MP'], '1 MP'),
      width: { ...range(256, 2048, 1024), multipleOf: 32 },
      height: { ...range(256, 2048, 1024), multipleOf: 32 },
      safety_tolerance: range(1, 5, 2),
      seed,
      output_format: three,
      output_quality: quality,
    },
  },
}

/** Gone upstream: an order for one of them is a 404. Their inputs are known, should they come back. */
export const retiredModels: Record<string, Record<string, Field>> = {
  'google/imagen-4': { ...imagenFields, image_size: choice(['1K', '2K']) },
  'google/imagen-3': imagenFields,
}

export const emulatedModels: EmulatedModel[] = Object.entries(given).map(([name, model], index) => ({
  name,
  isOfficial: true,
  version: `${(index + 16).toString(16)}`.repeat(32),
  isStrict: true,
  sizes: 'plain',
  ...model,
}))

const fluxPixels: Record<string, [number, number]> = {
  '1:1': [1024, 1024],
  '16:9': [1344, 768],
  '21:9': [1536, 640],
  '3:2': [1216, 832],
  '4:5': [896, 1088],
  '3:4': [896, 1152],
}
const edges: Record<string, number> = {
  '0.5 MP': 724,
  '1K': 1024,
  '1 MP': 1024,
  '2 MP': 1448,
  '2K': 2048,
  '3K': 3072,
  '4 MP': 2048,
  '4K': 4096,
}

/** What the model makes of its inputs, defaults filled in. */
export function findPixels(
  model: EmulatedModel,
  input: Record<string, unknown>,
): { width: number; height: number } {
  const wantsPixels = model.sizes === 'pixels' || input.aspect_ratio === 'custom' || input.size === 'custom'
  if (wantsPixels) return { width: Number(input.width), height: Number(input.height) }
  const ratio = String(input.aspect_ratio ?? '1:1')
  if (model.sizes === 'flux') return findFluxPixels(ratio, input.megapixels === '0.25' ? 0.5 : 1)
  const edge = edges[String(input.resolution ?? input.size ?? '1K')] ?? 1024
  const [wide = 1, high = 1] = ratio.includes(':') ? ratio.split(':').map(Number) : []
  const round = (pixels: number) => Math.round(pixels / 16) * 16
  const scale = Math.sqrt((edge * edge) / (wide * high))
  return { width: round(wide * scale), height: round(high * scale) }
}

function findFluxPixels(ratio: string, factor: number): { width: number; height: number } {
  const known = fluxPixels[ratio]
  const turned = fluxPixels[ratio.split(':').reverse().join(':')]
  const [width = 1024, height = 1024] = known ?? (turned === undefined ? [] : [turned[1], turned[0]])
  return { width: width * factor, height: height * factor }
}
