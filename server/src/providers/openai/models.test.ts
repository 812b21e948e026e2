// OpenAI's list of models as a front may send it.
import { expect, it } from 'vitest'
import { readModelList } from './models.ts'

it('tells of each model once, however often the list names it and whatever else it holds', () => {
  const others = Array.from({ length: 100_000 }, (_, nth) => ({ id: `other-${nth}` }))
  const twice = [null, '2099-01-01'].map(shutdown_date => ({ id: 'gpt-image-2', shutdown_date }))
  const list = { data: [...others, 7, null, {}, ...twice] }
  expect(readModelList(list, ['gpt-image-2', 'gpt-image-1'])).toEqual([
    { upstreamModel: 'gpt-image-2', shutdownOn: '2099-01-01', version: null },
  ])
})
