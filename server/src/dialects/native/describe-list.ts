// The description of the list in the OpenAPI document.
import { common, json, type Registry, rateHeaders, refused } from './describe-parts.ts'
import { listQuery } from './list-route.ts'
import { generationList } from './schema.ts'

export function describeList(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/api/v1/generations',
    tags: ['Generations'],
    summary: 'List generations',
    description:
      'Everything the account made, through whichever API, newest first. A page looks for a fifth of a second: with a filter that few of many generations meet it may be short or empty, and `nextCursor` goes on.',
    operationId: 'listGenerations',
    request: { query: listQuery },
    responses: {
      200: { description: 'A page', headers: rateHeaders, content: json(generationList) },
      400: refused('A parameter is wrong or unknown; `issues` names it.'),
      ...common,
    },
  })
}
