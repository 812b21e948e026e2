// Answers with status 200 of the emulated Gemini: drafts and pictures in base64 with the vendor's token counts,
// the refusals that look like success, and the ways in which such an answer can be unusable.
import { randomBytes } from 'node:crypto'
import type { Answer } from '../faults.ts'
import { encodePicture, makePicture, type PictureFormat } from '../pictures.ts'
import { type Directives, readNumber } from '../upstream.ts'
import { findPixels, type GoogleModel } from './models.ts'
import { jsonAnswer } from './refusals.ts'
import type { GoogleCreate } from './validate.ts'

export type Making = {
  directives: Directives
  create: GoogleCreate
  model: GoogleModel
  /** Exact file size of every picture, for benches. */
  sizeBytes: number | undefined
  /** The answer's name, as the vendor's bill has it. */
  responseId: string
}

/** A part as pieces of JSON text, so that base64 is never copied into a string. */
type Pieces = (Buffer | string)[]

// What thinking costs in the vendor's own example.
const thoughtTokens = 240
// What the vendor is said to count for one input picture.
const referenceTokens = 560

export async function buildAnswer(making: Making): Promise<Answer> {
  const instead = findPicturelessAnswer(making)
  if (instead !== null) return instead
  const { directives } = making
  const parts: Pieces[] = []
  const drafts = readNumber(directives, 'drafts', making.model.drafts)
  for (let index = 0; index < drafts; index += 1) parts.push(await makePart(making, { index, isDraft: true }))
  if (directives.has('text') || making.create.wantsText) {
    parts.push([JSON.stringify({ text: 'Here is the picture you asked for.' })])
  }
  const finals = directives.has('only_thoughts') ? 0 : readNumber(directives, 'finals', 1)
  for (let index = 0; index < finals; index += 1)
    parts.push(await makePart(making, { index, isDraft: false }))
  const body: Pieces = ['{"candidates":[{"content":{"role":"model","parts":[']
  for (const [index, part] of parts.entries()) body.push(...(index === 0 ? [] : [',']), ...part)
  if (directives.has('half_json')) return send(body)
  const reason = directives.get('image_finish') || 'STOP'
  const extra = directives.has('extra_fields') ? ',"groundingScore":[0.5,null],"newField":{"a":1}' : ''
  body.push(`]},"finishReason":"${reason}","index":0,"safetyRatings":[]${extra}}]`)
  body.push(`,${JSON.stringify(describeTail(making, { finals, drafts })).slice(1)}`)
  return send(body)
}

function send(body: Pieces): Answer {
  return { status: 200, headers: { 'content-type': 'application/json; charset=UTF-8' }, body }
}

async function makePart(making: Making, which: { index: number; isDraft: boolean }): Promise<Pieces> {
  const { directives } = making
  const format = directives.has('png') ? 'png' : 'jpeg'
  const data = await makeData(making, { ...which, format })
  const quoted: Pieces = data === null ? ['null'] : ['"', data, '"']
  const inlineData: Pieces = [`"inlineData":{"mimeType":"image/${format}","data":`, ...quoted, '}']
  if (which.isDraft) {
    return directives.has('thought_first')
      ? ['{"thought":true,', ...inlineData, '}']
      : ['{', ...inlineData, ',"thought":true}']
  }
  const isSigned = directives.has('signature') || making.model.drafts > 0
  if (!isSigned) return ['{', ...inlineData, '}']
  const sizeBytes = readNumber(directives, 'signature', directives.has('signature') ? 1_000_000 : 900)
  return ['{', ...inlineData, `,"thoughtSignature":"${randomBytes(sizeBytes).toString('base64')}"}`]
}

/** The base64 of one picture, spoilt as the directives ask; null for the JSON null. */
async function makeData(
  making: Making,
  which: { index: number; isDraft: boolean; format: PictureFormat },
): Promise<Buffer | null> {
  const { directives, create, model } = making
  if (directives.has('null_base64')) return null
  if (directives.has('empty_base64')) return Buffer.alloc(0)
  const words = findWords(directives, which.isDraft)
  if (words !== null) return Buffer.from(Buffer.from(words).toString('base64'))
  const small = directives.has('tiny_picture') ? 1 : directives.has('other_size') ? 512 : null
  const pixels =
    small === null ? findPixels(model, create.ratio, create.size) : { width: small, height: small }
  const stage = which.isDraft ? 'draft' : 'final'
  const picture = await makePicture({
    ...pixels,
    format: directives.has('wrong_type') ? (which.format === 'png' ? 'jpeg' : 'png') : which.format,
    seed: `${model.id}:${create.prompt}:${create.seed ?? 'any'}:${stage}:${which.index}`,
    ...(making.sizeBytes === undefined || small !== null ? {} : { sizeBytes: making.sizeBytes }),
  })
  if (directives.has('truncated_picture')) {
    return Buffer.from(picture.subarray(0, picture.length / 2).toString('base64'))
  }
  const encoded = encodePicture(picture)
  return directives.has('half_base64') ? encoded.subarray(0, Math.floor(encoded.length / 8) * 4 + 1) : encoded
}

function findWords(directives: Directives, isDraft: boolean): string | null {
  if (directives.has('html_picture')) return '<!doctype html><html><script>alert(1)</script></html>'
  if (directives.has('svg_picture'))
    return '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
  const isText = directives.has('base64_text') || (isDraft && directives.has('broken_draft'))
  return isText ? 'This is not a picture, only words. '.repeat(40) : null
}

/** Answers that hold no picture at all; null = pictures as usual. */
function findPicturelessAnswer(making: Making): Answer | null {
  const { directives } = making
  const tail = describeTail(making, { finals: 0, drafts: 0 })
  const blocked = directives.get('block') ?? directives.get('block_empty')
  if (blocked !== undefined) {
    const promptFeedback = { blockReason: blocked || 'PROHIBITED_CONTENT' }
    const candidates = directives.has('block_empty') ? { candidates: [] } : {}
    return jsonAnswer(200, { ...candidates, promptFeedback, ...tail })
  }
  if (directives.has('no_candidates')) return jsonAnswer(200, tail)
  if (directives.has('null_arrays'))
    return jsonAnswer(200, { candidates: null, promptFeedback: null, ...tail })
  const candidate = findPicturelessCandidate(making)
  return candidate === null ? null : jsonAnswer(200, { candidates: [{ ...candidate, index: 0 }], ...tail })
}

function findPicturelessCandidate({ directives, create }: Making): Record<string, unknown> | null {
  if (directives.has('null_parts')) return { content: { role: 'model', parts: null }, finishReason: 'STOP' }
  if (directives.has('text_only') || !create.wantsImage) {
    const text = "I'm sorry, I can't create that picture. Would you like something else?"
    return { content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP' }
  }
  if (!directives.has('finish')) return null
  return {
    content: { role: 'model' },
    finishReason: directives.get('finish') || 'IMAGE_PROHIBITED_CONTENT',
    finishMessage:
      'The model output could not be generated. Please adjust your prompt and try again. Support code: 42876398.',
    safetyRatings: [
      { category: 'HARM_CATEGORY_SEXUALLY_EXPLICIT', probability: 'HIGH', blocked: true },
      { category: 'HARM_CATEGORY_HARASSMENT', probability: 'NEGLIGIBLE' },
    ],
  }
}

function describeTail(
  { directives, create, model, responseId }: Making,
  made: { finals: number; drafts: number },
): Record<string, unknown> {
  const named = { modelVersion: model.id, responseId }
  if (directives.has('no_usage')) return named
  const text = Math.max(1, Math.ceil(create.prompt.length / 4))
  const images = create.referenceBytes.length * referenceTokens
  const output = made.finals * (model.imageTokens[create.size] ?? 1120)
  const isThinking = made.drafts > 0 || directives.has('finish') || create.thinking === 'HIGH'
  const thoughts = isThinking ? thoughtTokens : 0
  const promptTokensDetails = [{ modality: 'TEXT', tokenCount: text }]
  if (images > 0) promptTokensDetails.push({ modality: 'IMAGE', tokenCount: images })
  const usageMetadata = {
    promptTokenCount: text + images,
    // Zeros are left out, as protobuf's JSON does.
    ...(output > 0
      ? { candidatesTokenCount: output, candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: output }] }
      : {}),
    ...(thoughts > 0 ? { thoughtsTokenCount: thoughts } : {}),
    totalTokenCount: text + images + output + thoughts,
    promptTokensDetails,
  }
  return { usageMetadata, ...named }
}
