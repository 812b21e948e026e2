// What the emulated Gemini knows about its models: sizes, limits, and which ids are gone. Written from the vendor's
// published tables, apart from the product's own catalogue, so that the two can disagree in a test.

export type GoogleModel = {
  id: string
  displayName: string
  ratios: readonly string[]
  /** Accepted `imageSize` words; empty = the field itself is refused. The first is the default. */
  sizes: readonly string[]
  /** Accepted `thinkingLevel` words; empty = the field itself is refused. */
  thinking: readonly string[]
  /** Draft pictures that come before the final one when nothing else is asked. */
  drafts: number
  maxReferences: number
  /** Tokens of one picture by size word. */
  imageTokens: Readonly<Record<string, number>>
}

const tenRatios = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9']
const allRatios = [...tenRatios, '1:4', '4:1', '1:8', '8:1']

export const googleModels: readonly GoogleModel[] = [
  {
    id: 'gemini-2.5-flash-image',
    displayName: 'Nano Banana',
    ratios: tenRatios,
    sizes: [],
    thinking: [],
    drafts: 0,
    maxReferences: 3,
    imageTokens: { '1K': 1290 },
  },
  {
    id: 'gemini-3.1-flash-lite-image',
    displayName: 'Nano Banana 2 Lite',
    ratios: allRatios,
    sizes: ['1K'],
    thinking: ['MINIMAL', 'HIGH'],
    drafts: 0,
    maxReferences: 14,
    imageTokens: { '1K': 1120 },
  },
  {
    id: 'gemini-3.1-flash-image',
    displayName: 'Nano Banana 2',
    ratios: allRatios,
    sizes: ['1K', '512', '2K', '4K'],
    thinking: ['MINIMAL', 'HIGH'],
    drafts: 0,
    maxReferences: 14,
    imageTokens: { '512': 747, '1K': 1120, '2K': 1680, '4K': 2520 },
  },
  {
    id: 'gemini-nano-banana-2.1',
    displayName: 'Nano Banana 2.1',
    ratios: allRatios,
    sizes: ['1K', '2K', '4K'],
    thinking: ['MINIMAL', 'MEDIUM', 'HIGH'],
    drafts: 1,
    maxReferences: 14,
    imageTokens: { '1K': 1120, '2K': 1680, '4K': 2520 },
  },
  {
    id: 'gemini-3-pro-image',
    displayName: 'Nano Banana Pro',
    ratios: tenRatios,
    sizes: ['1K', '2K', '4K'],
    thinking: [],
    drafts: 2,
    maxReferences: 14,
    imageTokens: { '1K': 1120, '2K': 1120, '4K': 2000 },
  },
]

/** Ids that once answered and now are a 404. */
export const retiredGoogleModels: readonly string[] = [
  'gemini-3.1-flash-image-preview',
  'gemini-3-pro-image-preview',
  'gemini-2.5-flash-image-preview',
  'gemini-2.0-flash-preview-image-generation',
  'imagen-3.0-generate-002',
  'imagen-4.0-generate-001',
  'imagen-4.0-ultra-generate-001',
  'imagen-4.0-fast-generate-001',
]

type Pixels = readonly [number, number]

const sizesOf25: Readonly<Record<string, Pixels>> = {
  '1:1': [1024, 1024],
  '2:3': [832, 1248],
  '3:2': [1248, 832],
  '3:4': [864, 1184],
  '4:3': [1184, 864],
  '4:5': [896, 1152],
  '5:4': [1152, 896],
  '9:16': [768, 1344],
  '16:9': [1344, 768],
  '21:9': [1536, 672],
}

const sizesOf3: Readonly<Record<string, Pixels>> = {
  '1:1': [1024, 1024],
  '2:3': [848, 1264],
  '3:2': [1264, 848],
  '3:4': [896, 1200],
  '4:3': [1200, 896],
  '4:5': [928, 1152],
  '5:4': [1152, 928],
  '9:16': [768, 1376],
  '16:9': [1376, 768],
  '21:9': [1584, 672],
  '1:4': [512, 2048],
  '4:1': [2048, 512],
  '1:8': [384, 3072],
  '8:1': [3072, 384],
}

/** Pixels of one picture. The half tier is half of 1K in each edge. */
export function findPixels(
  model: GoogleModel,
  ratio: string,
  size: string,
): { width: number; height: number } {
  const table = model.id === 'gemini-2.5-flash-image' ? sizesOf25 : sizesOf3
  const [width, height] = table[ratio] ?? [1024, 1024]
  const scale = { '512': 0.5, '1K': 1, '2K': 2, '4K': 4 }[size] ?? 1
  return { width: width * scale, height: height * scale }
}
