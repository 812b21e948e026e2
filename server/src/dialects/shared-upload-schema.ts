// How a picture is announced before it is sent, on the wire: the native API and gptimage2 ask for the same fields.
import { z } from '@hono/zod-openapi'
import { maxFilenameLength, maxUploadBytes, uploadMediaTypes } from '../uploads/uploads.ts'
import { atMostCodePoints } from './shared-code-points.ts'

/** `name`: of the schema in the dialect's document. */
export function announceUpload(name: string) {
  return z
    .strictObject({
      filename: z
        .string()
        .min(1)
        .check(atMostCodePoints(maxFilenameLength))
        .openapi({ maxLength: maxFilenameLength, description: 'For display only.' }),
      contentType: z.enum(uploadMediaTypes),
      size: z.int().min(1).max(maxUploadBytes).openapi({ description: 'Bytes.' }),
    })
    .openapi(name)
}

/** `url` and `key`: what the dialect says of where to send the bytes, and of what to do with the key. */
export function uploadTicketOf(name: string, { url, key }: { url: string; key: string }) {
  return z
    .object({
      url: z.url().openapi({ description: url }),
      key: z.string().openapi({ description: key }),
      expiresAt: z.iso.datetime().openapi({ description: 'When the address ends.' }),
    })
    .openapi(name)
}
