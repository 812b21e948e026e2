// A second card is one more address, for the shipped rows and for the operator's own.
import { expect, it } from 'vitest'
import { buildEntries } from './load.ts'
import { addTwins } from './twins.ts'

const own = {
  upstreams: {
    'sdapi/flux': {
      provider: 'sdapi',
      model: 'flux1-dev',
      modes: ['generate'],
      shape: { by: 'pixels', sizes: 'self-hosted' },
      cost: { rules: [{ usdMicro: 0 }] },
    },
  },
  models: [{ id: 'gpt-image-2', routes: ['openai/gpt-image-2', 'sdapi/flux'] }],
}

it('sends what one engine serves to its twins too, after it, and leaves all other routes alone', () => {
  const entries = buildEntries([['own.json', own]])
  const twins = addTwins(entries, new Map([['sdapi', ['sdapi-2', 'sdapi-3']]]))
  const routesOf = (id: string) =>
    twins.find(entry => entry.id === id)?.routes.map(route => `${route.provider}/${route.model}`)
  expect(routesOf('self-hosted:sdapi')).toEqual(['sdapi/default', 'sdapi-2/default', 'sdapi-3/default'])
  expect(routesOf('gpt-image-2')).toEqual([
    'openai/gpt-image-2',
    'sdapi/flux1-dev',
    'sdapi-2/flux1-dev',
    'sdapi-3/flux1-dev',
  ])
  expect(addTwins(entries, new Map())).toEqual(entries)
})

it('does not list a route twice that the data has already', () => {
  const row = { ...own.upstreams['sdapi/flux'], provider: 'sdapi-2' }
  const model = { id: 'gpt-image-2', routes: ['sdapi/flux', 'sdapi-2/flux'] }
  const entries = buildEntries([
    ['own.json', { upstreams: { ...own.upstreams, 'sdapi-2/flux': row }, models: [model] }],
  ])
  const [entry] = addTwins(entries, new Map([['sdapi', ['sdapi-2']]])).filter(
    each => each.id === 'gpt-image-2',
  )
  expect(entry?.routes.map(route => route.provider)).toEqual(['sdapi', 'sdapi-2'])
})

it('draws a twin by lot as often as the first, in an order of weights', () => {
  const routes = [
    { upstream: 'sdapi/flux', weight: 3 },
    { upstream: 'openai/gpt-image-2', weight: 7 },
  ]
  const model = { id: 'gpt-image-2', routing: 'weight', routes }
  const entries = buildEntries([['own.json', { ...own, models: [model] }]])
  const [entry] = addTwins(entries, new Map([['sdapi', ['sdapi-2']]])).filter(
    each => each.id === 'gpt-image-2',
  )
  expect(entry?.routes.map(route => route.provider)).toEqual(['sdapi', 'sdapi-2', 'openai'])
  expect(entry?.weights).toEqual([3, 3, 7])
})
