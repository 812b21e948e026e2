// The description of pricing, canceling and deleting in the OpenAPI document.
import { common, idParameter, json, type Registry, rateHeaders, refused } from './describe-parts.ts'
import { cancellation, createGenerationRequest, quote } from './schema.ts'

const tags = ['Generations']
const unknown = refused('Unknown, deleted, or not yours.')
const badParameter = refused('There is no such query parameter.')

export function describeVerbs(registry: Registry): void {
  registry.registerPath({
    method: 'post',
    path: '/api/v1/generations/quote',
    tags,
    summary: 'Price a generation',
    description:
      'Takes the body of an order and says what it would cost, to the credit. Nothing runs, no picture is fetched, and nothing is judged.',
    operationId: 'quoteGeneration',
    request: { body: { required: true, content: json(createGenerationRequest) } },
    responses: {
      200: { description: 'The price', headers: rateHeaders, content: json(quote) },
      400: refused('The order would be refused; `issues` names the fields.'),
      413: refused('The body is too large.'),
      415: refused('The body is not declared as JSON.'),
      ...common,
    },
  })
  registry.registerPath({
    method: 'post',
    path: '/api/v1/generations/{id}/cancel',
    tags,
    summary: 'Cancel a generation',
    description:
      'A generation that waits is canceled; one that a model works on runs on unless the model can be stopped. The answer says which, and shows the generation as it is now.',
    operationId: 'cancelGeneration',
    request: { params: idParameter },
    responses: {
      200: { description: 'What became of it', headers: rateHeaders, content: json(cancellation) },
      400: badParameter,
      404: unknown,
      ...common,
    },
  })
  registry.registerPath({
    method: 'delete',
    path: '/api/v1/generations/{id}',
    tags,
    summary: 'Delete a generation',
    description:
      'Removes its files, its prompt and everything else that came with it. No list and no read shows it from then on; what was charged stays in the usage list. A repeat is answered alike.',
    operationId: 'deleteGeneration',
    request: { params: idParameter },
    responses: {
      204: { description: 'Deleted', headers: rateHeaders },
      400: badParameter,
      404: unknown,
      409: refused('It has not ended yet: cancel it, or delete it when it has.'),
      ...common,
    },
  })
}
