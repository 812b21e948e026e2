// Gives the customer's pictures addresses that a model can read: small ones travel inside the request, larger ones are
// uploaded to the vendor first. Nothing has been ordered until all of them are there.
import { buildMultipartForm, type MultipartForm } from '../multipart-form.ts'
import type { ProviderRequest } from '../provider.ts'
import { toWhiteMask } from '../white-mask.ts'
import type { Inputs, Plan } from './request.ts'

/** The vendor asks for an address above this. */
export const MAX_INLINE_BYTES = 256_000

type Picture = { mediaType: string; bytes: Buffer }
/** Answers with the address of the uploaded file. */
export type Upload = (form: MultipartForm) => Promise<string>

/** The inputs that hold pictures. */
export async function placePictures(request: ProviderRequest, plan: Plan, upload: Upload): Promise<Inputs> {
  const { references, maskField } = plan.model
  const inputs: Inputs = {}
  if (references === undefined || request.references.length === 0) return inputs
  const places: string[] = []
  for (const reference of request.references) {
    places.push(await place({ mediaType: reference.mediaType, bytes: await reference.read() }, upload))
  }
  inputs[references.field] = references.isList ? places : (places[0] ?? '')
  if (request.mask !== null && maskField !== undefined) {
    const bytes = await toWhiteMask(request.mask)
    inputs[maskField] = await place({ mediaType: 'image/png', bytes }, upload)
  }
  return inputs
}

async function place({ mediaType, bytes }: Picture, upload: Upload): Promise<string> {
  if (bytes.length <= MAX_INLINE_BYTES) return `data:${mediaType};base64,${bytes.toString('base64')}`
  const file = { field: 'content', name: 'reference', picture: { mediaType, read: async () => bytes } }
  return upload(await buildMultipartForm({}, [file]))
}
