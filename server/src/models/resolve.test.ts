// What resolve accepts, fills in and refuses; and the sandbox, where everything listed must work.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ask, catchRefusal, openCatalog, shippedEntries } from '../../test/shipped-catalog.ts'
import { AppError } from '../errors.ts'
import type { Dialect, GenerationOptions } from './options.ts'

describe('defaults', () => {
  const catalog = openCatalog({ sandbox: true })
  it.each([
    [
      'getimages',
      'openai:gpt-image-2',
      { aspectRatio: '1:1', resolution: '1K', size: null, quality: 'medium' },
    ],
    ['getimg', 'seedream-5-lite', { aspectRatio: '1:1', resolution: '2K', size: null, quality: null }],
    [
      'gptimage2',
      'gpt-image-2',
      { aspectRatio: null, resolution: null, size: '1024x1024', quality: 'medium' },
    ],
    ['imgeo', 'qwen/qwen-image', { aspectRatio: '1:1', resolution: '1K', size: null }],
    ['openai', 'dall-e-3', { aspectRatio: null, size: '1024x1024', quality: 'medium' }],
    ['native', 'gpt-image-2', { aspectRatio: '1:1', resolution: '1K', size: null }],
  ] as [Dialect, string, Partial<GenerationOptions>][])(
    '%s %s: what was not said is filled in',
    (dialect, id, want) => {
      expect(catalog.resolve(dialect, id, ask()).options).toMatchObject(want)
    },
  )

  it('auto means not said', () => {
    const auto = ask({ size: 'auto', quality: 'auto', background: 'auto', moderation: 'auto' })
    const offer = catalog.resolve('openai', 'gpt-image-2', auto)
    expect(offer).toEqual(catalog.resolve('openai', 'gpt-image-2', ask()))
  })

  it('a resolved request resolves to itself', () => {
    const once = catalog.resolve(
      'getimages',
      'google:gemini-3-pro-image-preview',
      ask({ thinkingLevel: 'deep' }),
    )
    expect(catalog.resolve('getimages', once.modelId, once.options)).toEqual(once)
  })

  it('the thinking level stays as sent', () => {
    const offer = catalog.resolve('getimages', 'google:gemini-3-pro-image-preview', ask())
    expect(offer.options.thinkingLevel).toBeNull()
    expect(offer.owner).toBe('google')
  })
})

describe('an unsupported option is refused by its name', () => {
  const catalog = openCatalog({ sandbox: true })
  it.each([
    ['imgeo', 'qwen/qwen-image', { aspectRatio: '21:9' }, 'aspectRatio', 'invalid_value'],
    ['getimg', 'seedream-5-lite', { resolution: '2k' }, 'resolution', 'invalid_value'],
    ['getimg', 'z-image-turbo', { referenceCount: 1 }, 'referenceCount', 'too_big'],
    ['getimg', 'gpt-image-2', { referenceCount: 9 }, 'referenceCount', 'too_big'],
    ['gptimage2', 'gpt-image-2', { size: '123x456' }, 'size', 'invalid_value'],
    ['gptimage2', 'gpt-image-2', { quality: 'ultra' }, 'quality', 'invalid_value'],
    ['gptimage2', 'gpt-image-2', { count: 5 }, 'count', 'too_big'],
    ['imgeo', 'qwen/qwen-image', { count: 0 }, 'count', 'too_small'],
    ['imgeo', 'qwen/qwen-image', { count: 1.5 }, 'count', 'invalid_type'],
    [
      'imgeo',
      'black-forest-labs/flux-schnell',
      { negativePrompt: 'rain' },
      'negativePrompt',
      'invalid_value',
    ],
    ['native', 'gpt-image-2', { seed: 1 }, 'seed', 'invalid_value'],
    ['native', 'darkroom:sketch', { seed: -1 }, 'seed', 'invalid_type'],
    ['native', 'gpt-image-2', { size: '1024x1024', aspectRatio: '1:1' }, 'size', 'invalid_value'],
    ['openai', 'gpt-image-2', { hasMask: true }, 'hasMask', 'invalid_value'],
    ['openai', 'gpt-image-2', { outputCompression: 50 }, 'outputCompression', 'invalid_value'],
    [
      'openai',
      'gpt-image-2',
      { outputFormat: 'jpeg', outputCompression: 101 },
      'outputCompression',
      'too_big',
    ],
    ['openai', 'gpt-image-2', { partialImages: 4 }, 'partialImages', 'too_big'],
  ] as [Dialect, string, Partial<GenerationOptions>, string, string][])(
    '%s %s %o',
    (dialect, id, options, path, code) => {
      const refusal = catchRefusal(() => catalog.resolve(dialect, id, ask(options)))
      expect([refusal.code, refusal.options.reason]).toEqual(['invalid_request', 'unsupported_option'])
      expect(refusal.options.details).toEqual([{ path, code, message: expect.any(String) }])
    },
  )

  it('names the allowed values', () => {
    const refusal = catchRefusal(() => catalog.resolve('gptimage2', 'gpt-image-2', ask({ quality: 'ultra' })))
    expect(refusal.message).toBe('This model does not support that quality; allowed: low, medium, high.')
  })
})

describe('the sandbox', () => {
  const sandbox = openCatalog({ sandbox: true, providers: [] })

  it('offers every model of every dialect', () => {
    for (const dialect of dialects) {
      for (const model of sandbox.list(dialect)) expect([model.id, model.offered]).toEqual([model.id, true])
    }
    expect(sandbox.list('native')).toHaveLength(shippedEntries.length)
  })

  it.each([
    ['getimages', 'openai:gpt-image-1.5', { aspectRatio: '3:2' }, 1248, 832],
    ['getimages', 'google:gemini-3-pro-image-preview', { aspectRatio: '21:9' }, 1552, 672],
    ['getimg', 'seedream-5-lite', { aspectRatio: '16:9', resolution: '2K' }, 2720, 1536],
    ['getimg', 'gpt-image-2', { aspectRatio: '1:1', resolution: '4K' }, 4096, 4096],
    ['imgeo', 'bytedance/seedream-4.5', { aspectRatio: '9:21' }, 672, 1552],
    ['gptimage2', 'gpt-image-2', { size: '2048x3072', quality: 'high' }, 2048, 3072],
    ['openai', 'dall-e-3', { size: '1792x1024' }, 1792, 1024],
    ['native', 'darkroom:sketch', { aspectRatio: '21:9', resolution: '4K' }, 6240, 2672],
  ] as [Dialect, string, Partial<GenerationOptions>, number, number][])(
    '%s %s %o is drawn by the built-in model at the size of the table',
    (dialect, id, options, width, height) => {
      const offer = sandbox.resolve(dialect, id, ask(options))
      const routes = sandbox.routes(id, offer.options)
      expect(routes.map(({ provider, upstreamModel }) => `${provider}/${upstreamModel}`)).toEqual([
        'sketch/sketch',
      ])
      for (const route of routes) {
        expect(sandbox.toProviderRequest(route, 'a fox', offer.options)).toMatchObject({ width, height })
        expect(sandbox.expectedCostUsdMicro(route, offer.options)).toBe(0)
      }
    },
  )

  it('draws a ratio the table does not list by the same rule', () => {
    const entries = shippedEntries.map(entry =>
      entry.id === 'qwen/qwen-image' ? { ...entry, aspectRatios: ['2:1'] } : entry,
    )
    const catalog = openCatalog({ sandbox: true, entries })
    const { options } = catalog.resolve('imgeo', 'qwen/qwen-image', ask())
    for (const route of catalog.routes('qwen/qwen-image', options)) {
      expect(catalog.toProviderRequest(route, 'a fox', options)).toMatchObject({ width: 1440, height: 720 })
    }
  })
})

const dialects: Dialect[] = ['getimages', 'getimg', 'gptimage2', 'imgeo', 'openai', 'native']

describe('whatever is asked', () => {
  const ratios = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '9:21', '21:9', '7:1']
  const maybe = <T>(values: readonly T[]) => fc.option(fc.constantFrom(...values), { freq: 2 })
  const options = fc.record<GenerationOptions>({
    aspectRatio: maybe(ratios),
    resolution: maybe(['1K', '2K', '4K', '8K']),
    size: fc.option(fc.constantFrom('1024x1024', '1536x1024', '2048x2048', '1040x1040', 'auto', '5x5'), {
      freq: 2,
    }),
    quality: maybe(['low', 'medium', 'high', 'auto', 'max']),
    style: maybe(['watercolour']),
    thinkingLevel: maybe(['default', 'deep'] as const),
    negativePrompt: maybe(['rain', ' ']),
    seed: maybe([0, 7, -1, 0.5]),
    count: fc.constantFrom(1, 1, 2, 4, 10, 0, 99, 1.5, Number.NaN),
    outputFormat: maybe(['png', 'jpeg', 'webp'] as const),
    outputCompression: maybe([0, 80, 100, 101]),
    background: maybe(['auto', 'transparent', 'opaque'] as const),
    moderation: maybe(['auto', 'low'] as const),
    inputFidelity: maybe(['high', 'low'] as const),
    partialImages: fc.constantFrom(0, 0, 3, 4),
    referenceCount: fc.constantFrom(0, 0, 1, 3, 20),
    hasMask: fc.boolean(),
  })
  const ids = [...shippedEntries.map(entry => entry.id), 'nothing']

  it('an accepted order has a whole price of at least 0 and a route that can serve it; all else is a refusal', () => {
    const catalogs = [
      openCatalog({ sandbox: true }),
      openCatalog(),
      openCatalog({ providers: ['replicate'] }),
    ]
    let accepted = 0
    const property = fc.property(
      fc.constantFrom(...catalogs),
      fc.constantFrom(...dialects),
      fc.constantFrom(...ids),
      fc.oneof(
        options,
        options.map(asked => ({ ...ask(), aspectRatio: asked.aspectRatio, count: asked.count })),
      ),
      (catalog, dialect, id, asked) => {
        try {
          const offer = catalog.resolve(dialect, id, asked)
          accepted += 1
          expect(Number.isSafeInteger(offer.unitPrice) && offer.unitPrice >= 0).toBe(true)
          expect(offer.unitPrice > 0 || id === 'darkroom:sketch').toBe(true)
          expect(offer.price).toBe(offer.unitPrice * offer.options.count)
          const routes = catalog.routes(id, offer.options)
          expect(routes.length).toBeGreaterThan(0)
          for (const route of routes) {
            const made = catalog.toProviderRequest(route, 'a fox', offer.options)
            const inPixels = made.width !== null && made.width > 0 && made.height !== null && made.height > 0
            expect(inPixels || made.aspectRatio !== null).toBe(true)
            expect(Number.isSafeInteger(catalog.expectedCostUsdMicro(route, offer.options))).toBe(true)
          }
        } catch (error) {
          if (!(error instanceof AppError)) throw error
          expect(['unknown_model', 'unsupported_option', 'no_price']).toContain(error.options.reason)
        }
      },
    )
    fc.assert(property, { numRuns: 3000 })
    expect(accepted).toBeGreaterThan(100)
  })
})
