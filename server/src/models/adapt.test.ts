// Guards what a request is bent to when the caller asked for that: always something that is offered, said in words.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ask, catchRefusal, openCatalog, shippedEntries } from '../../test/shipped-catalog.ts'
import { AppError } from '../errors.ts'
import { nearestRatio, nearestResolution, nearestSize } from './nearest.ts'
import { dialects, type GenerationOptions } from './options.ts'

const catalog = openCatalog({ sandbox: true })
const live = openCatalog()

test('what is offered is not touched, and costs the same', () => {
  for (const { id } of shippedEntries) {
    const offer = catalog.resolve('native', id, ask(refsOf(id)))
    expect(catalog.adapt('native', id, ask(refsOf(id)))).toEqual(offer)
    expect(offer.warnings).toEqual([])
  }
})

/** A model that only edits needs a picture to be asked for anything. */
function refsOf(id: string): Partial<GenerationOptions> {
  const entry = shippedEntries.find(each => each.id === id)
  return entry?.modes.includes('generate') ? {} : { referenceCount: 1 }
}

describe('what is not offered becomes what comes nearest', () => {
  test.each([
    [
      ...['qwen/qwen-image', { aspectRatio: '21:9' }, { aspectRatio: '16:9' }],
      ['The aspect ratio 21:9 is not offered; 16:9 at 1K was used.'],
    ],
    [
      ...['seedream-5-lite', { resolution: '512' }, { resolution: '2K' }],
      ['The resolution 512 is not offered; 1:1 at 2K was used.'],
    ],
    [
      ...['gpt-image-2', { quality: 'ultra' }, { quality: 'medium' }],
      ['The quality ultra is not offered; medium was used.'],
    ],
    [
      ...['black-forest-labs/flux-schnell', { negativePrompt: 'rain', seed: 7 }, { negativePrompt: null }],
      ['The negative prompt is not offered and was left out.'],
    ],
    [
      ...['gpt-image-2', { outputFormat: 'jpeg', background: 'transparent' }, { background: null }],
      ['The background transparent is not offered and was left out.'],
    ],
    [
      ...[
        'gpt-image-2',
        { size: '1024x1024', aspectRatio: '16:9' },
        { size: '1024x1024', aspectRatio: null },
      ],
      ['An aspect ratio or resolution beside a size in pixels was left out.'],
    ],
  ] as unknown as [string, Partial<GenerationOptions>, Partial<GenerationOptions>, string[]][])(
    '%s %j',
    (id, asked, used, warnings) => {
      const offer = catalog.adapt('native', id, ask(asked))
      expect(offer.options).toMatchObject(used)
      expect(offer.warnings).toEqual(warnings)
      expect(offer.price).toBe(catalog.resolve('native', id, offer.options).price)
    },
  )

  test('too many images become as many as there are, and are priced so', () => {
    const one = catalog.resolve('imgeo', 'qwen/qwen-image', ask())
    const offer = catalog.adapt('imgeo', 'qwen/qwen-image', ask({ count: 9 }))
    expect(offer.options.count).toBe(4)
    expect(offer.price).toBe(4 * one.price)
    expect(offer.warnings).toEqual(['The number of images 9 is not offered; 4 was used.'])
  })

  test('a size for a model that knows only ratios becomes a ratio and a resolution', () => {
    const offer = live.adapt('native', 'google:gemini-2.5-flash-image', ask({ size: '1920x1080' }))
    expect(offer.options).toMatchObject({ size: null, aspectRatio: '16:9' })
    expect(offer.warnings).toHaveLength(1)
  })

  test('a size that the dialect has no price for becomes a ratio and a resolution', () => {
    const asked = ask({ size: '640x480' })
    const offer = catalog.adapt('getimg', 'gpt-image-2', asked)
    expect(offer.options).toMatchObject({ size: null, aspectRatio: '1:1', resolution: '1K' })
    expect(offer.warnings.join(' ')).toContain('1:1 at 1K was used')
  })

  test('a ratio for a model that knows only pixels becomes a size of about its proportions', () => {
    const offer = catalog.adapt('native', 'dall-e-3', ask({ aspectRatio: '16:9' }))
    const [width = 0, height = 0] = (offer.options.size ?? '').split('x').map(Number)
    expect(offer.options.aspectRatio).toBe(null)
    expect(width / height).toBeGreaterThan(1.4)
  })
})

test('pictures to work from, a fraction of images and an unknown model are refused as ever', () => {
  const refused = (id: string, options: Partial<GenerationOptions>) =>
    catchRefusal(() => catalog.adapt('native', id, ask(options)))
  expect(refused('z-image-turbo', { referenceCount: 1 }).options.details?.[0]?.path).toBe('referenceCount')
  expect(refused('z-image-turbo', { hasMask: true }).options.details?.[0]?.path).toBe('hasMask')
  expect(refused('qwen/qwen-image', { count: 1.5 }).options.details?.[0]?.path).toBe('count')
  expect(refused('nothing', {}).options.reason).toBe('unknown_model')
})

test('whatever is asked in any dialect is adapted to an offer as it stands, or refused for its pictures', () => {
  const word = fc.oneof(
    fc.constantFrom('1:1', '9:21', '7:5', '2K', '8K', 'low', 'best', '640x480', '0x0'),
    fc.string(),
  )
  const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { freq: 2 })
  const wish = fc.record({
    aspectRatio: maybe(word),
    resolution: maybe(word),
    size: maybe(word),
    quality: maybe(word),
    thinkingLevel: maybe(fc.constantFrom('default' as const, 'deep' as const)),
    negativePrompt: maybe(fc.string()),
    seed: maybe(fc.integer({ min: -5, max: 5 })),
    count: fc.integer({ min: -2, max: 30 }),
    outputFormat: maybe(fc.constantFrom('png' as const, 'jpeg' as const, 'webp' as const)),
    outputCompression: maybe(fc.integer({ min: -1, max: 101 })),
    background: maybe(fc.constantFrom('auto' as const, 'transparent' as const, 'opaque' as const)),
  })
  const models = fc.constantFrom(...shippedEntries.map(entry => entry.id))
  fc.assert(
    fc.property(fc.constantFrom(...dialects), models, wish, (dialect, id, options) => {
      for (const from of [catalog, live]) {
        try {
          const offer = from.adapt(dialect, id, ask({ ...refsOf(id), ...options }))
          const again = from.resolve(dialect, id, offer.options)
          expect(again).toEqual({ ...offer, warnings: [] })
          for (const warning of offer.warnings) expect(warning).toMatch(/^[\x20-\x7e]{10,120}$/)
        } catch (error) {
          if (!(error instanceof AppError)) throw error
          // Not listed or not served now, or nothing serves pictures: never an option that could be bent.
          const paths = error.options.details?.map(detail => detail.path) ?? []
          expect(['unknown_model', 'unsupported_option']).toContain(error.options.reason)
          expect(paths.filter(path => path !== 'referenceCount' && path !== 'hasMask')).toEqual([])
        }
      }
    }),
    { numRuns: 400 },
  )
})

describe('nearest', () => {
  test('proportions are compared as proportions, both ways alike', () => {
    expect(nearestRatio('9:21', ['1:1', '9:16', '16:9'])).toBe('9:16')
    expect(nearestRatio('1920:1080', ['1:1', '3:2', '16:9'])).toBe('16:9')
    expect(nearestRatio('wide', ['1:1'])).toBe(null)
    expect(nearestRatio('0:5', ['1:1'])).toBe(null)
    expect(nearestRatio('5:4', [])).toBe(null)
  })

  test('resolutions by their edge', () => {
    expect(nearestResolution('8K', ['1K', '2K', '4K'])).toBe('4K')
    expect(nearestResolution('1500', ['1K', '2K'])).toBe('2K')
    expect(nearestResolution('big', ['1K'])).toBe(null)
  })

  test('sizes by proportions, then by area; a free rule is used to the full', () => {
    const listed = ['1024x1024', '1536x1024', '1024x1536']
    expect(nearestSize({ width: 1600, height: 900 }, { listed, free: null })).toBe('1536x1024')
    expect(nearestSize({ width: 10, height: 90 }, { listed, free: null })).toBe('1024x1536')
    const free = { multipleOf: 16, minPixels: 655_360, maxPixels: 8_294_400, maxEdge: 3_840, maxRatio: 3 }
    expect(nearestSize({ width: 1600, height: 900 }, { listed, free })).toBe('1600x896')
    expect(nearestSize({ width: 8_000, height: 8_000 }, { listed, free })).toBe('2880x2880')
    expect(nearestSize(null, { listed, free })).toBe(null)
  })
})
