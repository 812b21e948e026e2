// The description of uploads in the OpenAPI document.
import { z } from '@hono/zod-openapi'
import { uploadMediaTypes } from '../../uploads/uploads.ts'
import { describeSendUpload } from '../shared-upload-describe.ts'
import { common, json, type Registry, rateHeaders, refused, waitHeaders } from './describe-parts.ts'
import { createUploadRequest, uploadTicket } from './schema.ts'

export function describeUploads(registry: Registry): void {
  registry.registerPath({
    method: 'post',
    path: '/api/v1/upload',
    tags: ['Uploads'],
    summary: 'Announce an upload',
    description:
      'Answers an address to PUT the picture to within 5 minutes, and the key that orders name. An upload that is never sent is gone after 24 hours, any other after 30 days.',
    operationId: 'createUpload',
    request: {
      headers: z.object({
        'Idempotency-Key': z
          .string()
          .min(1)
          .max(255)
          .optional()
          .openapi({ param: { description: 'A repeat answers the same key with a fresh address.' } }),
      }),
      body: { required: true, content: json(createUploadRequest) },
    },
    responses: {
      200: { description: 'Where to send it', headers: rateHeaders, content: json(uploadTicket) },
      400: refused('The request is not valid; `issues` names the fields.'),
      413: refused('The body is too large.'),
      415: refused('The body is not declared as JSON.'),
      422: refused('The idempotency key was used with another request.'),
      ...common,
      429: refused(
        'Too many requests, or too much announced that no order has used: then `Retry-After` is an hour.',
        waitHeaders,
      ),
    },
  })
  describeSendUpload(registry, {
    tag: 'Uploads',
    operationId: 'sendUpload',
    mediaTypes: uploadMediaTypes,
    headers: rateHeaders,
    refused,
    unavailable: refused('Not available right now; see `Retry-After`.', waitHeaders),
  })
}
