// What has turned out about upstream models, as the catalogue shows it: like an end that the data knew.
import { expect, it } from 'vitest'
import { ask, catchRefusal, getEntry, openCatalog } from '../../test/shipped-catalog.ts'
import type { GoneModel, ModelLife, ToldModel } from './life.ts'

const at = '2026-11-21T12:00:00.000Z'

function gone(provider: string, upstreamModel: string, since = at): GoneModel {
  const generationId = '0198c0de-0000-7000-8000-000000000000'
  return { provider, upstreamModel, since: new Date(since), said: 'no such model', generationId }
}

function told(
  upstreamModel: string,
  shutdownOn: string | null,
  overruledEnd: string | null = null,
): ToldModel {
  const untold = { version: null, versionAt: null, versionBefore: null }
  return { provider: 'openai', upstreamModel, shutdownOn, ...untold, overruledEnd }
}

const life = (given: Partial<ModelLife>): ModelLife => ({ gone: [], told: [], ...given })

it('a route that is gone is passed over, and what else serves the model takes its orders at the same price', () => {
  const id = 'openai:gpt-image-1.5'
  const before = openCatalog()
  const after = openCatalog({ life: life({ gone: [gone('openai', 'gpt-image-1.5')] }) })
  const offers = [before, after].map(catalog => catalog.resolve('getimages', id, ask()))
  expect(offers[1]).toEqual(offers[0])
  const [was, is] = [before, after].map(catalog =>
    catalog.routes(id, ask(offers[0]?.options)).map(route => route.upstreamModel),
  )
  expect(was).toEqual(['gpt-image-1.5', ...(is ?? [])])
  expect(is?.length).toBeGreaterThan(0)
  expect(after.find('getimages', id)?.notes[0]).toBe(
    'gpt-image-1.5 was retired upstream on 2026-11-21; served by gpt-image-2.5-flare.',
  )
  const route = after.configuredRoutes().find(each => each.upstreamModel === 'gpt-image-1.5')
  expect(route).toMatchObject({ isRetired: true, gone: { said: 'no such model' } })
  expect(route?.models).toContain(id)
})

it('without another route the model is refused as one that the data retired, and names what to use', () => {
  const refusal = (entries = [getEntry('openai:gpt-image-2'), getEntry('openai:gpt-image-1.5')]) => {
    const catalog = openCatalog({ entries, life: life({ gone: [gone('openai', 'gpt-image-2')] }) })
    expect(catalog.find('getimages', 'openai:gpt-image-2')).toMatchObject({
      offered: false,
      retiresAt: '2026-11-21',
    })
    return catchRefusal(() => catalog.resolve('getimages', 'openai:gpt-image-2', ask()))
  }
  expect([refusal().options.reason, refusal().message]).toEqual([
    'retired_model',
    'The model openai:gpt-image-2 was retired upstream on 2026-11-21 and is served no more.',
  ])
  const heir = { ...getEntry('openai:gpt-image-2'), successor: 'openai:gpt-image-1.5' }
  expect(refusal([heir, getEntry('openai:gpt-image-1.5')]).message).toMatch(/ Use openai:gpt-image-1\.5\.$/)
})

it('what is gone itself is named as nobody’s successor', () => {
  const id = 'google:gemini-3-pro-image-preview'
  const catalog = openCatalog({ life: life({ gone: [gone('google', 'gemini-3-pro-image')] }) })
  expect(catchRefusal(() => catalog.resolve('getimages', id, ask())).message).toBe(
    `The model ${id} was retired upstream on 2026-11-21 and is served no more.`,
  )
})

it('is gone at once, also where the database’s day is ahead of ours', () => {
  const tomorrow = life({ gone: [gone('openai', 'gpt-image-2', '2026-11-22T00:00:01.000Z')] })
  const catalog = openCatalog({ at: '2026-11-21T23:59:59.000Z', life: tomorrow })
  expect(catalog.find('getimages', 'openai:gpt-image-2')?.offered).toBe(false)
})

it.each([
  ['2026-11-20', 'gpt-image-2.5-flare', 'gpt-image-1.5 was retired upstream on 2026-11-20; served by'],
  ['2026-11-22', 'gpt-image-1.5', 'gpt-image-1.5 retires upstream on 2026-11-22; then served by'],
  ['2027-05-01', 'gpt-image-1.5', 'gpt-image-1.5 retires upstream on 2027-05-01; then served by'],
  [null, 'gpt-image-1.5', 'gpt-image-1.5 retires upstream on 2026-12-01; then served by'],
])('a date that the upstream tells goes before that of the data: %s', (day, first, note) => {
  const id = 'openai:gpt-image-1.5'
  const catalog = openCatalog({ life: life({ told: [told('gpt-image-1.5', day)] }) })
  const { options } = catalog.resolve('getimages', id, ask())
  expect(catalog.routes(id, options)[0]?.upstreamModel).toBe(first)
  expect(catalog.find('getimages', id)?.notes[0]).toContain(note)
})

it.each([
  [
    'the catalogue’s own end holds where the told one is overruled',
    '2026-11-20',
    'gpt-image-1.5 retires upstream on 2026-12-01',
  ],
  ['another one than the overruled counts', '2026-11-19', 'gpt-image-1.5 was retired upstream on 2026-11-20'],
])('%s', (_name, overruled, note) => {
  const catalog = openCatalog({ life: life({ told: [told('gpt-image-1.5', '2026-11-20', overruled)] }) })
  expect(catalog.find('getimages', 'openai:gpt-image-1.5')?.notes[0]).toContain(note)
})

it('that it has no such model goes before any date that the upstream tells', () => {
  const both = life({ gone: [gone('openai', 'gpt-image-2')], told: [told('gpt-image-2', '2027-05-01')] })
  expect(openCatalog({ life: both }).find('getimages', 'openai:gpt-image-2')?.offered).toBe(false)
})

it('under an account’s own keys it is gone, too', () => {
  const catalog = openCatalog({ life: life({ gone: [gone('openai', 'gpt-image-2')] }) })
  const own = catalog.under(new Set(['openai']))
  expect(own.routes('openai:gpt-image-2', ask({ size: '1024x1024' }))).toEqual([])
})
