// What the models on Replicate call their inputs. The same idea has six names there, and an unknown one is a 422 with
// one model and ignored by the next, so only what stands here is ever sent.
import type { ImageFormat } from '../provider.ts'

export type ReplicateModel = {
  /** Labels of `aspect_ratio`; null = whatever the catalogue says; absent = the model has no such field. */
  ratios?: readonly string[] | null
  /** Sent when no ratio is asked for, where the model's own default would surprise. */
  defaultRatio?: string
  /** How pixels are asked for: as they are, or with a word in another field that switches them on. */
  pixels?: { switch: { field: 'aspect_ratio' | 'size'; word: 'custom' } | null }
  /** The field that takes the route's word for the resolution. */
  resolutionField?: 'resolution' | 'size' | 'image_size' | 'megapixels'
  negativePrompt?: true
  seed?: true
  /** The field of the number of pictures, and how many it takes; absent = one per prediction. */
  count?: { field: 'num_outputs'; max: number }
  /** The words of `output_format`. */
  formats?: Partial<Record<ImageFormat, string>>
  /** 0 to 100, for jpeg and webp. */
  qualityField?: 'output_quality'
  references?: { field: string; max: number; isList: boolean }
  /** White is drawn anew, black stays. */
  maskField?: 'mask'
  /** Inputs that a route may fix. */
  parameters: readonly string[]
  /** Inputs that are always sent; a route may say otherwise where they are listed above too. */
  fixed?: Record<string, string | number | boolean>
  /** The most that an input may be while there is a reference. */
  withReferences?: Record<string, number>
  /**
   * Seconds to wait for the outcome in the create's own answer: only for models that mostly end within them, because
   * until it is answered the prediction has no id that we know. 0 = ask for the id at once.
   */
  waitSeconds: number
  /** For models billed by time: micro-USD of a second of `metrics.predict_time`. */
  usdMicroPerSecond?: number
}

const ratios11 = ['1:1', '16:9', '21:9', '3:2', '2:3', '4:5', '5:4', '3:4', '4:3', '9:16', '9:21'] as const
const gemini10 = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9'] as const
const seedream8 = ['1:1', '4:3', '3:4', '16:9', '9:16', '3:2', '2:3', '21:9'] as const
const imagen5 = ['1:1', '9:16', '16:9', '3:4', '4:3'] as const
const qwen7 = ['1:1', '16:9', '9:16', '4:3', '3:4', '3:2', '2:3'] as const

const threeFormats = { png: 'png', jpeg: 'jpg', webp: 'webp' }
const twoFormats = { png: 'png', jpeg: 'jpg' }

const flux1: ReplicateModel = {
  ratios: ratios11,
  seed: true,
  count: { field: 'num_outputs', max: 4 },
  formats: threeFormats,
  qualityField: 'output_quality',
  parameters: ['num_inference_steps', 'go_fast', 'megapixels', 'disable_safety_checker'],
  waitSeconds: 5,
}

const gemini: ReplicateModel = {
  ratios: gemini10,
  formats: twoFormats,
  references: { field: 'image_input', max: 3, isList: true },
  parameters: [],
  waitSeconds: 0,
}

const seedream: ReplicateModel = {
  ratios: seedream8,
  resolutionField: 'size',
  pixels: { switch: { field: 'size', word: 'custom' } },
  references: { field: 'image_input', max: 10, isList: true },
  parameters: ['enhance_prompt'],
  waitSeconds: 0,
}

const imagen: ReplicateModel = {
  ratios: imagen5,
  formats: twoFormats,
  parameters: ['safety_filter_level'],
  waitSeconds: 0,
}

const models: Record<string, ReplicateModel> = {
  'stability-ai/sdxl': {
    pixels: { switch: null },
    negativePrompt: true,
    seed: true,
    count: { field: 'num_outputs', max: 4 },
    references: { field: 'image', max: 1, isList: false },
    maskField: 'mask',
    parameters: [
      'scheduler',
      'num_inference_steps',
      'guidance_scale',
      'prompt_strength',
      'refine',
      'high_noise_frac',
      'refine_steps',
      'apply_watermark',
      'lora_scale',
      'replicate_weights',
      'disable_safety_checker',
    ],
    // Its default draws a mark into every picture.
    fixed: { apply_watermark: false },
    waitSeconds: 0,
    usdMicroPerSecond: 975,
  },
  'black-forest-labs/flux-schnell': flux1,
  'black-forest-labs/flux-dev': {
    ...flux1,
    references: { field: 'image', max: 1, isList: false },
    parameters: [...flux1.parameters, 'guidance', 'prompt_strength'],
  },
  'black-forest-labs/flux-pro': {
    ratios: ['1:1', '16:9', '3:2', '2:3', '4:5', '5:4', '9:16', '3:4', '4:3'],
    pixels: { switch: { field: 'aspect_ratio', word: 'custom' } },
    seed: true,
    formats: threeFormats,
    qualityField: 'output_quality',
    references: { field: 'image_prompt', max: 1, isList: false },
    parameters: ['guidance', 'safety_tolerance', 'prompt_upsampling'],
    waitSeconds: 0,
  },
  'black-forest-labs/flux-kontext-max': {
    ratios: [...ratios11, '2:1', '1:2'],
    seed: true,
    formats: twoFormats,
    references: { field: 'input_image', max: 1, isList: false },
    parameters: ['safety_tolerance', 'prompt_upsampling'],
    withReferences: { safety_tolerance: 2 },
    waitSeconds: 0,
  },
  'google/nano-banana': gemini,
  'google/nano-banana-pro': {
    ...gemini,
    resolutionField: 'resolution',
    references: { field: 'image_input', max: 14, isList: true },
    parameters: ['safety_filter_level'],
    // Otherwise another vendor's model answers when this one is busy, and nobody is told. No route may change it.
    fixed: { allow_fallback_model: false },
  },
  'google/nano-banana-2': {
    ...gemini,
    resolutionField: 'resolution',
    references: { field: 'image_input', max: 14, isList: true },
    parameters: ['google_search', 'image_search'],
  },
  'bytedance/seedream-4': seedream,
  'bytedance/seedream-4.5': {
    ...seedream,
    ratios: [...seedream8, '4:5', '5:4', '9:21'],
    references: { field: 'image_input', max: 14, isList: true },
    parameters: ['disable_safety_checker'],
  },
  'bytedance/seedream-5-lite': {
    ratios: seedream8,
    resolutionField: 'size',
    formats: { png: 'png', jpeg: 'jpeg' },
    references: { field: 'image_input', max: 10, isList: true },
    parameters: [],
    waitSeconds: 0,
  },
  'prunaai/flux-fast': {
    ratios: ratios11,
    seed: true,
    formats: threeFormats,
    qualityField: 'output_quality',
    parameters: ['image_size', 'guidance', 'num_inference_steps', 'speed_mode'],
    waitSeconds: 5,
  },
  'qwen/qwen-image': {
    ratios: qwen7,
    // Its own default is a wide picture.
    defaultRatio: '1:1',
    negativePrompt: true,
    seed: true,
    formats: threeFormats,
    qualityField: 'output_quality',
    references: { field: 'image', max: 1, isList: false },
    parameters: [
      'image_size',
      'strength',
      'guidance',
      'num_inference_steps',
      'go_fast',
      'enhance_prompt',
      'lora_weights',
      'lora_scale',
      'extra_lora_weights',
      'extra_lora_scale',
      'disable_safety_checker',
    ],
    waitSeconds: 5,
  },
  'stability-ai/stable-diffusion-3.5-large': {
    ratios: ['1:1', '16:9', '21:9', '3:2', '2:3', '4:5', '5:4', '9:16', '9:21'],
    negativePrompt: true,
    seed: true,
    formats: threeFormats,
    references: { field: 'image', max: 1, isList: false },
    parameters: ['cfg', 'prompt_strength'],
    waitSeconds: 0,
  },
  'google/imagen-4': { ...imagen, resolutionField: 'image_size' },
  'google/imagen-3': imagen,
  'black-forest-labs/flux-2-pro': {
    ratios: ratios11,
    resolutionField: 'resolution',
    pixels: { switch: { field: 'aspect_ratio', word: 'custom' } },
    seed: true,
    formats: threeFormats,
    qualityField: 'output_quality',
    references: { field: 'input_images', max: 8, isList: true },
    parameters: ['safety_tolerance', 'prompt_upsampling'],
    waitSeconds: 0,
  },
}

/**
 * A model that an operator's catalogue adds: the usual names, for what its row says that it takes, and every
 * parameter of its route.
 */
const unlisted: ReplicateModel = {
  ratios: null,
  pixels: { switch: null },
  negativePrompt: true,
  seed: true,
  count: { field: 'num_outputs', max: 16 },
  formats: threeFormats,
  qualityField: 'output_quality',
  references: { field: 'image', max: 1, isList: false },
  maskField: 'mask',
  parameters: [],
  waitSeconds: 0,
}

export type FoundModel = { model: ReplicateModel; isListed: boolean }

/** By `owner/name`, without a version. */
export function findReplicateModel(name: string): FoundModel {
  const model = Object.hasOwn(models, name) ? models[name] : undefined
  return model === undefined ? { model: unlisted, isListed: false } : { model, isListed: true }
}
