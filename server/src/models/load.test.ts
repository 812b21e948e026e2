// The operator's file: what it can change, and that every mistake in it is named by its path.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, openCatalog } from '../../test/shipped-catalog.ts'
import type { ModelEntry } from './entry.ts'
import { CatalogError, loadCatalogEntries } from './load.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'darkroom-catalogue-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function load(content: unknown): ModelEntry[] {
  const overrideFile = join(folder, 'catalogue.json')
  writeFileSync(overrideFile, typeof content === 'string' ? content : JSON.stringify(content))
  return loadCatalogEntries({ overrideFile })
}

function problemsOf(content: unknown): string[] {
  try {
    load(content)
  } catch (error) {
    if (error instanceof CatalogError) return error.problems
    throw error
  }
  return []
}

const house = {
  id: 'house:studio',
  name: 'Studio',
  owner: 'house',
  createdAt: '2026-11-01',
  modes: ['generate'],
  aspectRatios: ['1:1', '3:1'],
  resolutions: ['1K'],
  routes: ['house/studio'],
  prices: { native: 6 },
}
const houseUpstream = {
  provider: 'openai',
  model: 'studio',
  modes: ['generate'],
  shape: { by: 'pixels', sizes: { '1K': { '1:1': '1024x1024', '3:1': '1536x512' } } },
  cost: { rules: [{ usdMicro: 20_000 }] },
}

describe('the operator file', () => {
  it('changes one price and leaves the rest as shipped', () => {
    const entries = load({ models: [{ id: 'gpt-image-2', prices: { gptimage2: 9 } }] })
    const catalog = openCatalog({ entries })
    expect(catalog.resolve('gptimage2', 'gpt-image-2', ask({ quality: 'high' })).unitPrice).toBe(9)
    expect(catalog.resolve('openai', 'gpt-image-2', ask({ quality: 'high' })).unitPrice).toBe(28)
    expect(entries).toHaveLength(loadCatalogEntries().length)
  })

  it('adds a model with its own upstream', () => {
    const entries = load({ upstreams: { 'house/studio': houseUpstream }, models: [house] })
    const catalog = openCatalog({ entries })
    const offer = catalog.resolve('native', 'house:studio', ask({ aspectRatio: '3:1' }))
    expect(offer.unitPrice).toBe(6)
    for (const route of catalog.routes('house:studio', offer.options)) {
      expect(catalog.toProviderRequest(route, 'a fox', offer.options)).toMatchObject({
        width: 1536,
        height: 512,
      })
    }
  })

  it('removes a model, and corrects a retirement date for every model that routes there', () => {
    const entries = load({
      upstreams: { 'google/gemini-2.5-flash-image': { retiresAt: '2027-01-31' } },
      models: [{ id: 'dall-e-3', remove: true }],
    })
    expect(entries.map(entry => entry.id)).not.toContain('dall-e-3')
    const catalog = openCatalog({ entries })
    for (const id of ['google:gemini-2.5-flash-image', 'google/nano-banana']) {
      const { options } = catalog.resolve('native', id, ask())
      expect(catalog.routes(id, options)[0]?.upstreamModel).toBe('gemini-2.5-flash-image')
    }
  })
})

describe('the page for operators', () => {
  it('shows an override file that loads', () => {
    const page = readFileSync(new URL('../../../docs/catalogue.md', import.meta.url), 'utf8')
    const example = /```json\n(\{[\s\S]*?\n\})\n```/.exec(page)?.[1]
    expect(example).toContain('"remove": true')
    const catalog = openCatalog({ entries: load(example) })
    expect(catalog.resolve('gptimage2', 'gpt-image-2', ask({ quality: 'high' })).unitPrice).toBe(56)
    expect(catalog.find('openai', 'dall-e-3')).toBeNull()
  })

  it('and every other page that shows one shows one that loads', () => {
    const docs = new URL('../../../docs/', import.meta.url)
    const pages = readdirSync(docs, { recursive: true, encoding: 'utf8' }).filter(name =>
      name.endsWith('.md'),
    )
    const files = pages.flatMap(name =>
      [
        ...readFileSync(new URL(name.replaceAll('\\', '/'), docs), 'utf8').matchAll(
          /```json\n([\s\S]*?)\n```/g,
        ),
      ]
        .map(([, text]) => ({ name, text: text ?? '' }))
        .filter(({ text }) => /^\{\s*"(?:upstreams|models)":/.test(text)),
    )
    expect(files.length).toBeGreaterThan(5)
    for (const { name, text } of files) expect(() => load(text), name).not.toThrow()
  })
})

describe('a mistake names the path of its field', () => {
  it.each([
    ['an unknown top-level key', { modells: [] }, 'modells: unknown field'],
    [
      'an unknown field',
      { models: [{ id: 'gpt-image-2', colour: 'red' }] },
      'models.0.colour: unknown field',
    ],
    [
      'an unknown field deep inside',
      { models: [{ id: 'dall-e-3', sizes: { listed: ['1024x1024'], fre: null } }] },
      'models.0.sizes.fre: unknown field',
    ],
    [
      'a negative price',
      { models: [{ id: 'stability-ai/sdxl', prices: { imgeo: -2 } }] },
      /^models\.0\.prices\.imgeo: /,
    ],
    [
      'a fraction of a credit inside a version',
      { models: [{ id: 'stability-ai/sdxl', prices: { imgeo: [{ rules: [{ credits: 1.5 }] }] } }] },
      /^models\.0\.prices\.imgeo\.0\.rules\.0\.credits: /,
    ],
    [
      'an unknown dialect',
      { models: [{ id: 'stability-ai/sdxl', prices: { imgo: 2 } }] },
      'models.0.prices.imgo: unknown field',
    ],
    [
      'a price for a dialect that does not list the model',
      { models: [{ id: 'stability-ai/sdxl', prices: { getimages: 2 } }] },
      'models.0.prices.getimages: the model is not listed in this dialect',
    ],
    [
      'a route to nowhere',
      { models: [{ id: 'dall-e-3' }, { id: 'gpt-image-1', routes: ['openai/gpt-image-9'] }] },
      'models.1.routes.0: there is no upstream called openai/gpt-image-9',
    ],
    [
      'a size that the upstream refuses',
      { upstreams: { 'openai/gpt-image-2': { shape: tableOf('1000x1000') } } },
      'upstreams.openai/gpt-image-2.shape.sizes.1K.1:1: 1000x1000 is no size this upstream accepts',
    ],
    [
      'a date that is none',
      { upstreams: { 'openai/gpt-image-2': { retiresAt: '2026-02-30' } } },
      'upstreams.openai/gpt-image-2.retiresAt: expected a date such as 2026-12-01',
    ],
    ['a missing field of a new model', { models: [{ ...house, name: undefined }] }, /^models\.0\.name: /],
    [
      'a removal of nothing',
      { models: [{ id: 'nothing', remove: true }] },
      'models.0: there is no nothing to remove',
    ],
    [
      'a model named twice',
      { models: [{ id: 'dall-e-3' }, { id: 'dall-e-3' }] },
      'models.1.id: the model dall-e-3 is named twice in this file',
    ],
    [
      'a default quality the model does not have',
      { models: [{ id: 'gpt-image-2', defaultQuality: 'ultra' }] },
      'models.0.defaultQuality: expected one of the qualities: low, medium, high',
    ],
    [
      'price versions out of order',
      {
        models: [
          { id: 'stability-ai/sdxl', prices: { imgeo: [version('2026-12-01'), version('2026-11-01')] } },
        ],
      },
      'models.0.prices.imgeo.1.from: versions must be listed in order of their dates',
    ],
  ])('%s', (_, content, problem) => {
    const problems = problemsOf(content)
    if (typeof problem === 'string') expect(problems).toContain(problem)
    else expect(problems).toContainEqual(expect.stringMatching(problem))
  })

  it('all mistakes are told at once', () => {
    const problems = problemsOf({
      upstreams: { 'house/studio': { ...houseUpstream, cost: {}, speed: 1 } },
      models: [
        { ...house, routes: ['openai/gpt-image-2'], prices: {} },
        { id: 'dall-e-3', maxCount: 0 },
      ],
    })
    expect(problems.sort()).toEqual([
      'models.0.prices.native: the model has no price here',
      expect.stringMatching(/^models\.1\.maxCount: /),
      'upstreams.house/studio.speed: unknown field',
    ])
  })

  it('a file that is missing or no JSON is named', () => {
    expect(problemsOf('{')).toEqual([expect.stringContaining('is no JSON')])
    expect(() => loadCatalogEntries({ overrideFile: join(folder, 'none.json') })).toThrow('cannot be read')
  })
})

function tableOf(size: string) {
  const free = { multipleOf: 16, minPixels: 1, maxPixels: 8294400, maxEdge: 3840, maxRatio: 3 }
  return { by: 'pixels', sizes: { '1K': { '1:1': size } }, free }
}

function version(from: string) {
  return { from, rules: [{ credits: 2 }] }
}
