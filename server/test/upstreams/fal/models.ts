// What the emulated fal runs, and what each takes. Fields it does not know are a 422, sizes out of range too.

export type FalModel = {
  path: string
  /** Fields beside the prompt. */
  fields: string[]
  edits: boolean
  /** The fewest and most pixels of a picture; null = any. */
  pixels: { min: number; max: number } | null
  /** What `image_size` is when nothing is said. */
  defaultSize: string
}

const seedreamFields = ['image_size', 'num_images', 'max_images', 'sync_mode', 'enable_safety_checker']
const seedreamPixels = { min: 2560 * 1440, max: 4096 * 4096 }

export const falModels: FalModel[] = [
  ...['v5/lite', 'v5.5', 'v5/flash'].map(version => ({
    path: `bytedance/seedream/${version}/text-to-image`,
    fields: seedreamFields,
    edits: false,
    pixels: seedreamPixels,
    defaultSize: 'auto_2K',
  })),
  {
    path: 'bytedance/seedream/v5/lite/edit',
    fields: [...seedreamFields, 'image_urls'],
    edits: true,
    pixels: seedreamPixels,
    defaultSize: 'auto_2K',
  },
  {
    path: 'fal-ai/flux/dev',
    fields: [
      'image_size',
      'num_images',
      'seed',
      'negative_prompt',
      'output_format',
      'enable_safety_checker',
      'steps',
    ],
    edits: false,
    pixels: null,
    defaultSize: 'landscape_4_3',
  },
]

const presets: Record<string, { width: number; height: number }> = {
  square_hd: { width: 1024, height: 1024 },
  square: { width: 512, height: 512 },
  portrait_4_3: { width: 768, height: 1024 },
  portrait_16_9: { width: 576, height: 1024 },
  landscape_4_3: { width: 1024, height: 768 },
  landscape_16_9: { width: 1024, height: 576 },
}
const autos: Record<string, { width: number; height: number }> = {
  auto_2K: { width: 2048, height: 2048 },
  auto_4K: { width: 4096, height: 4096 },
}

/** Pixels of an `image_size`, or null when the model refuses it. Seedream draws presets larger, for its least size. */
export function findPixels(model: FalModel, given: unknown): { width: number; height: number } | null {
  const size = given ?? model.defaultSize
  if (typeof size === 'string') {
    const preset = presets[size]
    if (preset === undefined) return model.pixels === null ? null : (autos[size] ?? null)
    const scale = model.pixels === null ? 1 : Math.ceil(2048 / Math.min(preset.width, preset.height))
    return { width: preset.width * scale, height: preset.height * scale }
  }
  const { width, height } = (size ?? {}) as { width?: unknown; height?: unknown }
  if (!Number.isInteger(width) || !Number.isInteger(height)) return null
  const pixels = { width: Number(width), height: Number(height) }
  const area = pixels.width * pixels.height
  if (pixels.width < 1 || pixels.height < 1) return null
  const { min, max } = model.pixels ?? { min: 1, max: 16_777_216 }
  return area >= min && area <= max ? pixels : null
}
