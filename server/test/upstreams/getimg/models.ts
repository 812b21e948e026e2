// What the emulated getimg makes: its models with their ratios, labels, references and prices in USD.

export type GetimgModel = {
  id: string
  name: string
  created_at: string
  ratios: string[]
  /** Price of a picture by resolution; the first is the default. Not our catalogue's numbers, so that a test sees it. */
  prices: Record<string, number>
  maxReferences: number
}

const common = ['1:1', '2:3', '3:2', '3:4', '4:3', '9:16', '16:9', '21:9']

export const getimgModels: GetimgModel[] = [
  model('seedream-5-lite', 'Seedream 5 Lite', { prices: { '2K': 0.04, '4K': 0.04 }, maxReferences: 8 }),
  model('gemini-3-1-flash-image', 'Gemini 3.1 Flash Image', {
    prices: { '1K': 0.07, '2K': 0.105, '4K': 0.157 },
    maxReferences: 4,
  }),
  model('gemini-3-1-flash-lite-image', 'Gemini 3.1 Flash Lite Image', {
    prices: { '1K': 0.035, '2K': 0.053, '4K': 0.079 },
    maxReferences: 4,
    more: ['4:5', '5:4'],
  }),
  model('gpt-image-2', 'GPT Image 2', {
    prices: { '1K': 0.055, '2K': 0.112, '4K': 0.185 },
    maxReferences: 10,
    more: ['4:5'],
  }),
  model('wan-2-7-image', 'Wan 2.7 Image', {
    prices: { '1K': 0.031, '2K': 0.031, '4K': 0.078 },
    maxReferences: 9,
    more: ['4:5'],
  }),
  model('z-image-turbo', 'Z-Image Turbo', {
    prices: { '1K': 0.006, '2K': 0.021, '4K': 0.083 },
    maxReferences: 0,
  }),
]

const edges: Record<string, number> = { '1K': 1024, '2K': 2048, '4K': 4096 }

/** The largest multiples of 16 in the square of the label, about in the ratio. */
export function findPixels(ratio: string, resolution: string): { width: number; height: number } {
  const [across = 1, down = 1] = ratio.split(':').map(Number)
  const edge = edges[resolution] ?? 1024
  const cut = (pixels: number) => Math.floor(pixels / 16) * 16
  return {
    width: cut(edge * Math.sqrt(across / down)),
    height: cut(edge * Math.sqrt(down / across)),
  }
}

/** As the vendor describes one model. */
export function describeModel({ id, name, created_at, ratios, prices, maxReferences }: GetimgModel) {
  return {
    id,
    name,
    type: 'image',
    created_at,
    supported_aspect_ratios: ratios,
    supported_resolutions: Object.keys(prices),
    supported_durations: [],
    supported_references: maxReferences > 0 ? { reference_image: maxReferences } : {},
    supports_sound: false,
    pricing: {
      currency: 'USD',
      rates: Object.entries(prices).map(([resolution, price]) => ({
        billable_unit: 'image',
        resolution,
        sound: 'not_applicable',
        unit_price: String(price),
      })),
    },
  }
}

function model(
  id: string,
  name: string,
  { prices, maxReferences, more = [] }: Pick<GetimgModel, 'prices' | 'maxReferences'> & { more?: string[] },
): GetimgModel {
  const created_at = '2026-04-01T00:00:00.000Z'
  return { id, name, created_at, ratios: [...common, ...more], prices, maxReferences }
}
