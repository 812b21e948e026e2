// The numbers of the contracts, written out once more by hand: a slip in the data must not slip through here.
import { describe, expect, it } from 'vitest'
import { ask, catchRefusal, getEntry, openCatalog, shippedEntries } from '../../test/shipped-catalog.ts'
import type { Dialect, GenerationOptions } from '../models/options.ts'
import { fillDefaults } from '../models/options-check.ts'
import { quotePrice } from './pricing.ts'

const sandbox = openCatalog({ sandbox: true })

function priceIn(dialect: Dialect, id: string, options: Partial<GenerationOptions> = {}): number {
  return sandbox.resolve(dialect, id, ask(options)).unitPrice
}

describe('prices stated by a contract', () => {
  it.each([
    ['openai:gpt-image-1.5', 3],
    ['openai:gpt-image-2', 5],
    ['google:gemini-2.5-flash-image', 3],
    ['google:gemini-3.1-flash-image-preview', 5],
    ['google:gemini-3-pro-image-preview', 12],
  ])('Get Images charges the published price for %s on every ratio, in both dialects', (id, credits) => {
    for (const aspectRatio of getEntry(id).aspectRatios) {
      expect(priceIn('getimages', id, { aspectRatio })).toBe(credits)
      expect(priceIn('native', id, { aspectRatio })).toBe(credits)
    }
  })

  it.each([
    ['google:gemini-3.1-flash-image-preview', 5, 7],
    ['google:gemini-3-pro-image-preview', 12, 18],
  ])(
    'deep thinking costs its surcharge on %s and the default level costs nothing extra',
    (id, plain, deep) => {
      expect(priceIn('getimages', id, { thinkingLevel: 'default' })).toBe(plain)
      expect(priceIn('getimages', id, { thinkingLevel: 'deep' })).toBe(deep)
    },
  )

  it.each(['openai:gpt-image-1.5', 'openai:gpt-image-2', 'google:gemini-2.5-flash-image'])(
    '%s refuses either thinking level',
    id => {
      for (const thinkingLevel of ['default', 'deep'] as const) {
        const refusal = catchRefusal(() => sandbox.resolve('getimages', id, ask({ thinkingLevel })))
        expect(refusal.options.reason).toBe('unsupported_option')
        expect(refusal.options.details?.[0]).toMatchObject({ path: 'thinkingLevel', code: 'invalid_value' })
      }
    },
  )

  it.each([
    ['stability-ai/sdxl', 'SDXL', 2, true, true],
    ['black-forest-labs/flux-kontext-max', 'Flux Kontext Max', 9, true, false],
    ['google/nano-banana', 'Nano Banana', 7, true, true],
    ['google/nano-banana-pro', 'Nano Banana Pro', 10, true, true],
    ['bytedance/seedream-4', 'Seedream 4', 5, true, true],
    ['black-forest-labs/flux-schnell', 'Flux Schnell', 1, false, false],
    ['prunaai/flux-fast', 'Flux Fast', 2, false, false],
    ['black-forest-labs/flux-dev', 'Flux Dev', 5, false, false],
    ['qwen/qwen-image', 'Qwen Image', 5, false, true],
    ['bytedance/seedream-4.5', 'Seedream 4.5', 7, false, true],
    ['google/imagen-4', 'Imagen 4', 7, false, true],
    ['google/imagen-3', 'Imagen 3', 9, false, true],
    ['black-forest-labs/flux-pro', 'Flux Pro', 9, false, false],
    ['stability-ai/stable-diffusion-3.5-large', 'SD 3.5 Large', 9, false, true],
  ])(
    'imgeo lists %s as published: name, price, modes, negative prompt',
    (id, name, credits, edits, negative) => {
      expect(sandbox.find('imgeo', id)).toMatchObject({
        name,
        modes: edits ? ['generate', 'edit'] : ['generate'],
        supportsNegativePrompt: negative,
        maxCount: 4,
      })
      const offer = sandbox.resolve('imgeo', id, ask({ count: 3 }))
      expect([offer.unitPrice, offer.price]).toEqual([credits, credits * 3])
    },
  )

  it.each([
    ['low', '1024x1024', 1],
    ['medium', '1024x1536', 4],
    ['high', '1536x1024', 12],
    ['high', '3072x2048', 12],
    ['high', '2048x2048', 12],
  ])('gptimage2 charges for quality %s at %s', (quality, size, credits) => {
    expect(priceIn('gptimage2', 'gpt-image-2', { quality, size })).toBe(credits)
    expect(priceIn('gptimage2', 'gpt-image-2', { quality, size, referenceCount: 4 })).toBe(credits)
  })

  it('the built-in model is free, and the only one that is', () => {
    expect(priceIn('native', 'darkroom:sketch', { aspectRatio: '21:9', resolution: '4K', count: 4 })).toBe(0)
    expect(priceIn('openai', 'darkroom:sketch')).toBe(0)
    for (const dialect of ['getimages', 'getimg', 'gptimage2', 'imgeo', 'openai', 'native'] as const) {
      for (const model of sandbox.list(dialect)) {
        for (const { credits } of model.prices) expect(credits > 0).toBe(model.id !== 'darkroom:sketch')
      }
    }
  })
})

describe('default prices', () => {
  it.each([
    // Cost in USD x 1.3 / 0.01, rounded up.
    ['getimg', 'seedream-5-lite', { resolution: '2K' }, 5],
    ['getimg', 'gpt-image-2', { resolution: '1K' }, 7],
    ['getimg', 'gpt-image-2', { aspectRatio: '16:9', resolution: '2K' }, 14],
    ['openai', 'gpt-image-2', { quality: 'low' }, 1],
    ['openai', 'gpt-image-2', { quality: 'medium' }, 7],
    ['openai', 'gpt-image-2', { quality: 'high' }, 28],
    ['openai', 'gpt-image-2', { quality: 'high', size: '3840x2160' }, 53],
    ['openai', 'gpt-image-1.5', { quality: 'medium', size: '1536x1024' }, 7],
    ['openai', 'gpt-image-1', { quality: 'high' }, 28],
  ] as const)('%s %s %o follows from the upstream cost', (dialect, id, options, credits) => {
    expect(priceIn(dialect, id, options)).toBe(credits)
  })

  it('are marked in the list, and contract prices are not', () => {
    const row = {
      ...{ resolution: null, size: null, quality: null, thinkingLevel: null, aspectRatio: null },
      ...{ creditsWithReferences: [], ownKey: false },
    }
    expect(sandbox.find('getimg', 'seedream-5-lite')?.prices).toEqual([{ ...row, credits: 5, default: true }])
    expect(sandbox.find('getimages', 'google:gemini-3-pro-image-preview')?.prices).toEqual([
      { ...row, thinkingLevel: 'default', credits: 12, default: false },
      { ...row, thinkingLevel: 'deep', credits: 18, default: false },
    ])
  })

  it('follow the credit price, and a fraction of a credit rounds up', () => {
    const cents = openCatalog({ sandbox: true, creditPriceUsd: 0.05 })
    expect(cents.resolve('getimg', 'seedream-5-lite', ask()).unitPrice).toBe(1)
    const exact = openCatalog({ sandbox: true, creditPriceUsd: 0.0455 })
    expect(exact.resolve('getimg', 'seedream-5-lite', ask()).unitPrice).toBe(1)
    const above = openCatalog({ sandbox: true, creditPriceUsd: 0.045499 })
    expect(above.resolve('getimg', 'seedream-5-lite', ask()).unitPrice).toBe(2)
    expect(() => openCatalog({ creditPriceUsd: 0 })).toThrow('credit price')
  })

  it('change on the day the data names, at midnight UTC', () => {
    const priceAt = (at: string) =>
      openCatalog({ sandbox: true, at }).resolve('openai', 'gpt-image-1-mini', ask({ quality: 'high' }))
        .unitPrice
    expect(priceAt('2026-11-30T23:59:59.999Z')).toBe(5)
    expect(priceAt('2026-12-01T00:00:00.000Z')).toBe(28)
  })
})

describe('a combination without a price', () => {
  it('is refused with its own reason, never free', () => {
    const entries = shippedEntries.map(entry =>
      entry.id === 'openai:gpt-image-2' ? { ...entry, prices: { native: entry.prices.native ?? [] } } : entry,
    )
    const catalog = openCatalog({ entries, sandbox: true })
    expect(catalog.resolve('native', 'openai:gpt-image-2', ask()).unitPrice).toBe(5)
    const refusal = catchRefusal(() => catalog.resolve('getimages', 'openai:gpt-image-2', ask()))
    expect([refusal.code, refusal.options.reason]).toEqual(['invalid_request', 'no_price'])
  })

  it('has no price on a dialect that does not list it, for an unknown quality, and before its first version', () => {
    const at = new Date('2026-11-21T00:00:00Z')
    const creditPriceUsdMicro = 10_000
    const entry = getEntry('gpt-image-2')
    const options = fillDefaults(entry, 'openai', ask())
    expect(quotePrice(entry, { dialect: 'openai', options, at, creditPriceUsdMicro })?.credits).toBe(7)
    expect(quotePrice(entry, { dialect: 'getimages', options, at, creditPriceUsdMicro })).toBeNull()
    const odd = { ...options, quality: 'max' }
    expect(quotePrice(entry, { dialect: 'openai', options: odd, at, creditPriceUsdMicro })).toBeNull()
    const later = (entry.prices.openai ?? []).map(version => ({ ...version, from: '2026-11-22' }))
    const dated = { ...entry, prices: { openai: later } }
    expect(quotePrice(dated, { dialect: 'openai', options, at, creditPriceUsdMicro })).toBeNull()
  })

  it('getimg cannot sell another quality than the one its price list is made for', () => {
    const refusal = catchRefusal(() => sandbox.resolve('getimg', 'gpt-image-2', ask({ quality: 'high' })))
    expect(refusal.options.reason).toBe('no_price')
  })
})
