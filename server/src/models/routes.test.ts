// Which upstream serves what, and when: retirement days, legal sizes, and the words each upstream is told.
import { describe, expect, it } from 'vitest'
import { ask, catchRefusal, getEntry, openCatalog } from '../../test/shipped-catalog.ts'
import type { Dialect, GenerationOptions } from './options.ts'

type Setting = Parameters<typeof openCatalog>[0]

function request(setting: Setting, id: string, options: Partial<GenerationOptions> = {}) {
  const catalog = openCatalog(setting)
  const offer = catalog.resolve('native', id, ask(options))
  const routes = catalog.routes(id, offer.options)
  const [first] = routes
  if (!first) throw new Error('no route')
  return {
    models: routes.map(route => route.upstreamModel),
    request: catalog.toProviderRequest(first, 'a cup', offer.options),
    costUsdMicro: catalog.expectedCostUsdMicro(first, offer.options),
  }
}

describe('retirement', () => {
  it('moves gpt-image-1.5 to its successor at UTC midnight, not a moment sooner', () => {
    const before = request({ at: '2026-11-30T23:59:59.999Z' }, 'openai:gpt-image-1.5')
    const after = request({ at: '2026-12-01T00:00:00.000Z' }, 'openai:gpt-image-1.5')
    expect(before.models[0]).toBe('gpt-image-1.5')
    expect(after.models).toEqual(['gpt-image-2.5-flare', 'gpt-image-2.5-sunburst'])
  })

  it.each([
    ['2026-06-24', ['gemini-3.1-flash-image-preview', 'gemini-3.1-flash-image', 'gemini-nano-banana-2.1']],
    ['2026-06-25', ['gemini-3.1-flash-image', 'gemini-nano-banana-2.1']],
    ['2026-10-28', ['gemini-3.1-flash-image', 'gemini-nano-banana-2.1']],
    ['2026-10-29', ['gemini-nano-banana-2.1']],
  ])('keeps the public preview id working on %s through %j', (day, models) => {
    const id = 'google:gemini-3.1-flash-image-preview'
    expect(request({ at: `${day}T00:00:00Z` }, id).models).toEqual(models)
  })

  it.each([
    ['getimages', 'google:gemini-2.5-flash-image', 'gemini-nano-banana-2.1'],
    ['getimages', 'google:gemini-3-pro-image-preview', 'gemini-3-pro-image'],
    ['getimg', 'gemini-3-1-flash-image', 'gemini-nano-banana-2.1'],
    ['imgeo', 'google/nano-banana', 'gemini-nano-banana-2.1'],
    ['imgeo', 'google/nano-banana-pro', 'gemini-3-pro-image'],
    ['imgeo', 'google/imagen-4', 'gemini-nano-banana-2.1'],
    ['imgeo', 'google/imagen-3', 'gemini-nano-banana-2.1'],
    ['openai', 'gpt-image-1', 'gpt-image-2'],
    ['openai', 'dall-e-3', 'gpt-image-2'],
    ['openai', 'dall-e-2', 'gpt-image-2'],
    ['openai', 'chatgpt-image-latest', 'chatgpt-image-latest'],
    ['openai', 'gpt-image-2-2026-04-21', 'gpt-image-2-2026-04-21'],
    ['openai', 'gpt-image-2.5-flare-2026-09-08', 'gpt-image-2.5-flare-2026-09-08'],
    ['openai', 'gpt-image-2.5-sunburst-2026-09-08', 'gpt-image-2.5-sunburst-2026-09-08'],
    ['native', 'imagen-4.0-generate-001', 'gemini-nano-banana-2.1'],
    ['native', 'imagen-4.0-ultra-generate-001', 'gemini-nano-banana-2.1'],
    ['native', 'imagen-4.0-fast-generate-001', 'gemini-nano-banana-2.1'],
  ] as [Dialect, string, string][])('%s still serves %s today, by %s', (dialect, id, upstream) => {
    const catalog = openCatalog()
    const { options } = catalog.resolve(dialect, id, ask())
    expect(catalog.routes(id, options)[0]?.upstreamModel).toBe(upstream)
  })

  it.each([
    ['dall-e-2', '2026-05-12', 'gpt-image-2'],
    ['dall-e-3', '2026-05-12', 'gpt-image-2'],
    ['gpt-image-1', '2026-10-23', 'gpt-image-2'],
    ['gpt-image-1.5', '2026-12-01', 'gpt-image-2.5-flare'],
    ['gpt-image-1-mini', '2026-12-01', 'gpt-image-2.5-flare'],
    ['chatgpt-image-latest', '2026-12-01', 'gpt-image-2.5-flare'],
    ['gpt-image-2-2026-04-21', null, null],
    ['gpt-image-2.5-flare-2026-09-08', null, null],
    ['gpt-image-2.5-sunburst-2026-09-08', null, null],
    ['imagen-4.0-generate-001', '2026-06-24', 'gemini-nano-banana-2.1'],
    ['imagen-4.0-ultra-generate-001', '2026-06-24', 'gemini-nano-banana-2.1'],
    ['imagen-4.0-fast-generate-001', '2026-06-24', 'gemini-nano-banana-2.1'],
    ['gemini-3.1-flash-image-preview', '2026-06-25', 'gemini-3.1-flash-image'],
    ['gemini-3-pro-image-preview', '2026-06-25', 'gemini-3-pro-image'],
  ])('the end of %s is %s, and %s replaces it, as its vendor says', (upstreamModel, retiresAt, successor) => {
    const route = openCatalog()
      .configuredRoutes()
      .find(each => each.upstreamModel === upstreamModel)
    expect(route).toMatchObject({ retiresAt, successor })
    expect(route?.models.length).toBeGreaterThan(0)
  })

  it('chatgpt-image-latest goes to its successor on its last day', () => {
    const id = 'chatgpt-image-latest'
    const first = (at: string) => request({ at }, id).models[0]
    expect(first('2026-11-30T23:59:59.999Z')).toBe(id)
    expect(first('2026-12-01T00:00:00.000Z')).toBe('gpt-image-2.5-flare')
  })

  it('the model list says what became of the upstream id', () => {
    const catalog = openCatalog()
    expect(catalog.find('openai', 'gpt-image-1')?.notes).toContain(
      'gpt-image-1 was retired upstream on 2026-10-23; served by gpt-image-2.',
    )
    expect(catalog.find('imgeo', 'google/nano-banana')?.notes).toEqual([
      'gemini-2.5-flash-image was retired upstream on 2026-10-02; served by gemini-nano-banana-2.1.',
    ])
    expect(catalog.find('getimages', 'openai:gpt-image-1.5')?.notes).toEqual([
      'gpt-image-1.5 retires upstream on 2026-12-01; then served by gpt-image-2.5-flare.',
    ])
  })

  it('a model whose every route is retired is no longer offered, and its list row names the day', () => {
    const entry = getEntry('google:gemini-3-pro-image-preview')
    const entries = [{ ...entry, routes: entry.routes.slice(0, 1) }]
    const catalog = openCatalog({ entries })
    expect(catalog.find('getimages', entry.id)).toMatchObject({ offered: false, retiresAt: '2026-06-25' })
    const refusal = catchRefusal(() => catalog.resolve('getimages', entry.id, ask()))
    expect([refusal.options.reason, refusal.message]).toEqual([
      'retired_model',
      `The model ${entry.id} was retired upstream on 2026-06-25 and is served no more. Use gemini-3-pro-image.`,
    ])
    const heir = { ...getEntry('google:gemini-2.5-flash-image'), routes: entry.routes.slice(1) }
    const both = openCatalog({ entries: [...entries, heir] })
    expect(catchRefusal(() => both.resolve('getimages', entry.id, ask())).message).toContain(
      `Use ${heir.id}.`,
    )
    const named = openCatalog({ entries: entries.map(each => ({ ...each, successor: 'house:pro' })) })
    expect(named.find('getimages', entry.id)?.notes.join(' ')).toContain('is retired; use house:pro.')
    const earlier = openCatalog({ entries, at: '2026-06-24T23:59:59Z' })
    expect(earlier.resolve('getimages', entry.id, ask()).unitPrice).toBe(12)
  })
})

describe('legal sizes', () => {
  it.each([
    ['1:1', ['gpt-image-1.5', 'gpt-image-2.5-flare', 'gpt-image-2.5-sunburst'], 1024, 1024],
    ['3:2', ['gpt-image-1.5', 'gpt-image-2.5-flare', 'gpt-image-2.5-sunburst'], 1536, 1024],
    ['2:3', ['gpt-image-1.5', 'gpt-image-2.5-flare', 'gpt-image-2.5-sunburst'], 1024, 1536],
    ['16:9', ['gpt-image-2.5-flare', 'gpt-image-2.5-sunburst'], 1360, 768],
    ['9:16', ['gpt-image-2.5-flare', 'gpt-image-2.5-sunburst'], 768, 1360],
    ['4:3', ['gpt-image-2.5-flare', 'gpt-image-2.5-sunburst'], 1168, 880],
    ['3:4', ['gpt-image-2.5-flare', 'gpt-image-2.5-sunburst'], 880, 1168],
  ])('openai:gpt-image-1.5 serves %s by %j', (aspectRatio, models, width, height) => {
    const made = request({}, 'openai:gpt-image-1.5', { aspectRatio })
    expect(made.models).toEqual(models)
    expect(made.request).toMatchObject({
      width,
      height,
      aspectRatio: null,
      resolution: null,
      quality: 'medium',
    })
  })

  it('21:9 is offered by the Pro model alone', () => {
    for (const sandbox of [false, true]) {
      const catalog = openCatalog({ sandbox })
      const takers = catalog.list('getimages').filter(({ id }) => {
        try {
          return catalog.resolve('getimages', id, ask({ aspectRatio: '21:9' }))
        } catch {
          return false
        }
      })
      expect(takers.map(model => model.id)).toEqual(['google:gemini-3-pro-image-preview'])
    }
  })

  it('Google models are told ratio and 1K, never pixels', () => {
    for (const id of ['google:gemini-2.5-flash-image', 'google:gemini-3-pro-image-preview']) {
      for (const aspectRatio of getEntry(id).aspectRatios) {
        const made = request({}, id, { aspectRatio })
        expect(made.request).toMatchObject({
          aspectRatio,
          resolution: '1K',
          width: null,
          height: null,
          count: 1,
        })
      }
    }
  })

  it('gemini-2.5-flash-image, while it lived, was told no image size', () => {
    const made = request({ at: '2026-10-01T23:00:00Z' }, 'google:gemini-2.5-flash-image')
    expect(made.models[0]).toBe('gemini-2.5-flash-image')
    expect(made.request).toMatchObject({ aspectRatio: '1:1', resolution: null })
  })

  it('a resolution that no live route makes is refused by name, with those that work', () => {
    const catalog = openCatalog()
    const refusal = catchRefusal(() =>
      catalog.resolve('getimg', 'gemini-3-1-flash-lite-image', ask({ resolution: '2K' })),
    )
    expect(refusal.options.details).toEqual([
      {
        path: 'resolution',
        message: 'This model does not support that resolution; allowed: 1K.',
        code: 'invalid_value',
      },
    ])
    expect(catalog.find('getimg', 'gemini-3-1-flash-lite-image')?.resolutions).toEqual(['1K'])
  })

  it('4K on gpt-image-2 is the largest legal size of the ratio', () => {
    const sizeOf = (aspectRatio: string) => {
      const { width, height } = request({}, 'gpt-image-2', { aspectRatio, resolution: '4K' }).request
      return `${width}x${height}`
    }
    expect([sizeOf('16:9'), sizeOf('1:1'), sizeOf('2:3')]).toEqual(['3840x2160', '2880x2880', '2336x3504'])
  })

  it('free sizes follow the rule of the model to the pixel', () => {
    const catalog = openCatalog()
    const accepts = (size: string) => {
      try {
        return catalog.resolve('openai', 'gpt-image-2', ask({ size })).options.size === size
      } catch {
        return false
      }
    }
    for (const size of ['3840x2160', '1024x640', '2880x2880', '1920x640']) expect(accepts(size)).toBe(true)
    for (const size of [
      '3840x2176',
      '1024x1025',
      '1024x624',
      '3856x1024',
      '2896x2880',
      '2000x640',
      '0x0',
      'x',
    ]) {
      expect(accepts(size)).toBe(false)
    }
  })

  it('every model lists exactly the ratios it then accepts', () => {
    for (const setting of [{}, { sandbox: true }]) {
      const catalog = openCatalog(setting)
      for (const dialect of ['getimages', 'getimg', 'imgeo'] as const) {
        for (const model of catalog.list(dialect).filter(each => each.offered)) {
          for (const aspectRatio of everyRatio) {
            const call = () => catalog.resolve(dialect, model.id, ask({ aspectRatio }))
            if (model.aspectRatios.includes(aspectRatio)) {
              expect(catalog.routes(model.id, call().options).length).toBeGreaterThan(0)
            } else {
              expect(catchRefusal(call).options.details?.[0]?.path).toBe('aspectRatio')
            }
          }
        }
      }
    }
  })
})

const everyRatio = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '9:21', '21:9']

describe('the words of a route', () => {
  it('deep thinking is the upstream word where there is one, and said in the prompt where there is none', () => {
    const flash = request({}, 'google:gemini-3.1-flash-image-preview', { thinkingLevel: 'deep' })
    expect(flash.request).toMatchObject({
      thinkingLevel: 'deep',
      parameters: { thinkingDeep: 'HIGH' },
      prompt: 'a cup',
    })
    const pro = request({}, 'google:gemini-3-pro-image-preview', { thinkingLevel: 'deep' })
    expect(pro.request).toMatchObject({ thinkingLevel: null, parameters: {} })
    expect(pro.request.prompt).toMatch(/^Think .*\n\na cup$/)
    const plain = request({}, 'google:gemini-3-pro-image-preview', { thinkingLevel: 'default' })
    expect(plain.request).toMatchObject({ prompt: 'a cup', parameters: {} })
  })

  it('a negative prompt goes into its field, or into the prompt where the upstream has none', () => {
    const phrased = request({}, 'google/nano-banana', { negativePrompt: 'text' })
    expect(phrased.request).toMatchObject({
      prompt: 'a cup\n\nLeave out of the picture: text',
      negativePrompt: null,
    })
    const field = request({ providers: ['replicate'] }, 'qwen/qwen-image', { negativePrompt: 'text' })
    expect(field.request).toMatchObject({ prompt: 'a cup', negativePrompt: 'text' })
  })

  it('input fidelity and a moderation level go only to routes that take them, and are refused where none does', () => {
    const options = { inputFidelity: 'high', referenceCount: 1, size: '1024x1024' } as const
    const faithful = request({}, 'gpt-image-1.5', options)
    expect([faithful.models, faithful.request.inputFidelity]).toEqual([['gpt-image-1.5'], 'high'])
    const later = { at: '2026-12-24T00:00:00.000Z' }
    const refused = (open: Parameters<typeof request>[0], id: string, asked: Parameters<typeof request>[2]) =>
      catchRefusal(() => request(open, id, asked)).options.details?.[0]?.path
    expect(refused(later, 'gpt-image-1.5', options)).toBe('inputFidelity')
    const always = request({}, 'gpt-image-1', options)
    expect([always.models, always.request.inputFidelity]).toEqual([['gpt-image-2'], null])
    expect(refused({}, 'gpt-image-2', { ...options, inputFidelity: 'low' })).toBe('inputFidelity')
    expect(request({}, 'gpt-image-2', { moderation: 'low' }).request.moderation).toBe('low')
    expect(refused({}, 'gpt-image-2', { moderation: 'low', referenceCount: 1 })).toBe('moderation')
  })

  it('a transparent background goes only to routes that make one', () => {
    const transparent = request({}, 'gpt-image-1', { background: 'transparent' })
    expect(transparent.models).toEqual(['gpt-image-2.5-flare'])
    const refusal = catchRefusal(() => request({}, 'gpt-image-2', { background: 'transparent' }))
    expect(refusal.options.details?.[0]?.path).toBe('background')
    const jpeg = () => request({}, 'gpt-image-1', { background: 'transparent', outputFormat: 'jpeg' })
    expect(catchRefusal(jpeg).options.details?.[0]?.path).toBe('background')
  })

  it('the expected cost is that of the whole order', () => {
    expect(request({}, 'gpt-image-2', { size: '1024x1024', count: 4 }).costUsdMicro).toBe(4 * 1756 * 30)
    expect(request({}, 'google:gemini-3-pro-image-preview', { referenceCount: 2 }).costUsdMicro).toBe(136_240)
    expect(request({}, 'gpt-image-1.5', { size: '1536x1024', quality: 'high' }).costUsdMicro).toBe(200_000)
    expect(request({}, 'darkroom:sketch').costUsdMicro).toBe(0)
  })

  it('work begun on a route that has since retired can still be told and costed', () => {
    const catalog = openCatalog()
    const options = { ...ask(), aspectRatio: '1:1', resolution: '1K' }
    const route = {
      provider: 'google',
      upstreamModel: 'gemini-3.1-flash-image',
      retiresAt: null,
      successor: null,
      maxCountPerCall: 1,
    }
    expect(catalog.expectedCostUsdMicro(route, options)).toBe(67_000)
    expect(catalog.toProviderRequest(route, 'a cup', options).upstreamModel).toBe('gemini-3.1-flash-image')
  })
})

describe('what is offered', () => {
  it('without a provider key only the built-in model is', () => {
    const catalog = openCatalog({ providers: [] })
    const offered = catalog.list('native').filter(model => model.offered)
    expect(offered.map(model => model.id)).toEqual(['darkroom:sketch'])
    expect(catalog.routes('openai:gpt-image-2', ask({ aspectRatio: '1:1', resolution: '1K' }))).toEqual([])
  })

  it('keys of an account have no model described anew but those that they serve, and these once for all accounts', () => {
    const catalog = openCatalog()
    const own = (provider: string) => ({ providers: new Set([provider]), feeOf: () => 1 })
    const plain = catalog.list('native')
    const first = catalog.list('native', own('replicate'))
    const changed = first.filter((model, at) => model !== plain[at])
    expect(changed.length).toBeGreaterThan(0)
    for (const { id, providers } of changed) expect(providers, id).toContain('replicate')
    for (let nth = 0; nth < 100; nth += 1) {
      const other = catalog.list('native', own(`engine-${nth}`))
      expect(other.every((model, at) => model === plain[at])).toBe(true)
    }
    const again = catalog.list('native', own('replicate'))
    expect(again.every((model, at) => model === first[at])).toBe(true)
  })

  it('the built-in model is left out where the operator does not give it away, and serves the sandbox all the same', () => {
    const order = ask({ aspectRatio: '1:1', resolution: '1K' })
    const without = openCatalog({ withoutBuiltIn: true })
    const listed = without.list('native').filter(({ offered }) => offered)
    expect(listed.map(({ id }) => id)).not.toContain('darkroom:sketch')
    expect(listed.length).toBeGreaterThan(0)
    expect(without.routes('darkroom:sketch', order)).toEqual([])
    expect(catchRefusal(() => without.resolve('native', 'darkroom:sketch', order)).options.reason).toBe(
      'unknown_model',
    )
    const sandbox = openCatalog({ withoutBuiltIn: true, sandbox: true })
    expect(sandbox.resolve('native', 'darkroom:sketch', order).unitPrice).toBe(0)
  })

  it('an unknown, unlisted or unserved model is refused alike, without details', () => {
    const catalog = openCatalog({ providers: ['google'] })
    for (const [dialect, id] of [
      ['getimages', 'nothing'],
      ['getimages', 'gpt-image-2'],
      ['getimages', 'openai:gpt-image-2'],
      ['imgeo', 'stability-ai/sdxl'],
    ] as const) {
      const refusal = catchRefusal(() => catalog.resolve(dialect, id, ask({ aspectRatio: '99:1' })))
      expect([refusal.code, refusal.options.reason, refusal.options.details]).toEqual([
        'invalid_request',
        'unknown_model',
        undefined,
      ])
    }
  })
})
