// Reads a 200 of Gemini, which is a refusal at least as often as a picture. Works on the parsed document, from
// which the pictures were already taken; it reads the fields named here and tolerates all others.
import { z } from 'zod'
import type { ProviderFailure, ProviderOutcome, ReceivedImage, Usage } from '../provider.ts'

/** A picture of the answer: in storage, or refused there because its bytes are no picture. */
export type AnswerPicture = { kind: 'received'; image: ReceivedImage } | { kind: 'rejected'; message: string }

/** The document and its pictures, keyed by the index of their part in the first candidate. */
export type Answer = { value: unknown; pictures: ReadonlyMap<number, AnswerPicture> }

const text = z.string().nullable().catch(null)
const count = z.int().nonnegative().nullable().catch(null)
const ratings = z
  .array(
    z.object({ category: text, blocked: z.boolean().catch(false) }).catch({ category: null, blocked: false }),
  )
  .catch([])
const partSchema = z.object({ thought: z.boolean().catch(false), text }).catch({ thought: false, text: null })
const candidateSchema = z.object({
  content: z.object({ parts: z.array(partSchema).catch([]) }).catch({ parts: [] }),
  finishReason: text,
  finishMessage: text,
  safetyRatings: ratings,
})
const modalities = z
  .array(z.object({ modality: text, tokenCount: count }).catch({ modality: null, tokenCount: null }))
  .catch([])
const usageSchema = z.object({
  promptTokenCount: count,
  candidatesTokenCount: count,
  thoughtsTokenCount: count,
  promptTokensDetails: modalities,
  candidatesTokensDetails: modalities,
})
const answerSchema = z.object({
  candidates: z.array(candidateSchema).catch([]),
  promptFeedback: z.object({ blockReason: text, safetyRatings: ratings }).nullable().catch(null),
  usageMetadata: usageSchema.nullable().catch(null),
  responseId: text,
})
type Candidate = z.infer<typeof candidateSchema>
type Ratings = z.infer<typeof ratings>

/** The model's output, or its intent, was refused by a safety system. */
const REFUSED_OUTPUT = [
  'SAFETY',
  'RECITATION',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
]
/** No picture and no reason given. A retry would be billed again, so it counts as a refusal. */
const REFUSED_UNSPECIFIED = ['NO_IMAGE', 'OTHER', 'IMAGE_OTHER']

/** Classifies a complete 2xx answer. Usage is reported on refusals too, because they are billed too. */
export function classifyAnswer(answer: Answer): ProviderOutcome {
  const parsed = answerSchema.safeParse(answer.value)
  if (!parsed.success)
    return { kind: 'failed', failure: 'malformed_response', message: 'The answer is no object.' }
  const { candidates, promptFeedback, usageMetadata, responseId } = parsed.data
  const usage = readUsage(usageMetadata, responseId)
  const candidate = candidates[0]
  const chosen = candidate === undefined ? null : choosePicture(candidate, answer.pictures)
  if (candidate !== undefined && chosen !== null) return presentPicture(candidate, { ...chosen, usage })
  if (promptFeedback?.blockReason != null) {
    const message = `The prompt was blocked: ${promptFeedback.blockReason}.`
    return rejectContent(message, { stage: 'input', ratings: promptFeedback.safetyRatings, usage })
  }
  if (candidate === undefined) {
    const message = 'The answer has neither candidates nor a block reason.'
    return { kind: 'failed', failure: 'malformed_response', message, usage }
  }
  return classifyPictureless(candidate, usage)
}

/** The last picture that is no draft. `thought` may follow the bytes, so this can only be told at the end. */
function choosePicture(candidate: Candidate, pictures: Answer['pictures']) {
  const finals = [...pictures].filter(([index]) => candidate.content.parts[index]?.thought === false)
  const last = finals.sort(([a], [b]) => a - b).at(-1)
  return last === undefined ? null : { picture: last[1], finalCount: finals.length }
}

function presentPicture(
  candidate: Candidate,
  chosen: { picture: AnswerPicture; finalCount: number; usage: Usage },
): ProviderOutcome {
  const { picture, finalCount, usage } = chosen
  if (picture.kind === 'rejected') {
    const message = `The picture's bytes are no usable picture: ${picture.message}`
    return { kind: 'failed', failure: 'malformed_response', message, usage }
  }
  const warnings: string[] = []
  if (finalCount > 1) warnings.push(`${finalCount} pictures came for one request; the last was kept.`)
  if (candidate.finishReason !== null && candidate.finishReason !== 'STOP') {
    warnings.push(`The picture came with the finish reason ${candidate.finishReason}.`)
  }
  return { kind: 'succeeded', images: [{ kind: 'received', image: picture.image }], usage, warnings }
}

function classifyPictureless(candidate: Candidate, usage: Usage): ProviderFailure {
  const reason = candidate.finishReason ?? 'STOP'
  const prose = collectProse(candidate)
  const message = `No picture came: ${reason}. ${candidate.finishMessage ?? prose}`.trim()
  const because = { ratings: candidate.safetyRatings, usage }
  if (REFUSED_OUTPUT.includes(reason)) return rejectContent(message, { ...because, stage: 'output' })
  if (REFUSED_UNSPECIFIED.includes(reason)) return rejectContent(message, { ...because, stage: 'unknown' })
  if (reason === 'LANGUAGE')
    return { kind: 'failed', failure: 'invalid_request', message, field: 'prompt', accepted: true, usage }
  // Words instead of a picture, with an ordinary end, are how these models decline.
  if (reason === 'STOP' && prose !== '') return rejectContent(message, { ...because, stage: 'unknown' })
  return { kind: 'failed', failure: 'malformed_response', message, usage }
}

function collectProse(candidate: Candidate): string {
  const spoken = candidate.content.parts.filter(part => !part.thought).map(part => part.text ?? '')
  return spoken.join(' ').trim()
}

function rejectContent(
  message: string,
  because: { stage: 'input' | 'output' | 'unknown'; ratings: Ratings; usage: Usage },
): ProviderFailure {
  const { stage, usage } = because
  const blocked = because.ratings.filter(rating => rating.blocked).map(rating => rating.category ?? '')
  const categories = blocked.map(category => category.replace(/^HARM_CATEGORY_/, '').toLowerCase())
  const failure: ProviderFailure = { kind: 'failed', failure: 'content_rejected', message, stage, usage }
  return categories.length === 0 ? failure : { ...failure, categories }
}

type Metadata = z.infer<typeof usageSchema> | null

function readUsage(metadata: Metadata, responseId: string | null): Usage {
  const candidateTokens = metadata?.candidatesTokenCount ?? null
  const thinkingTokens = metadata?.thoughtsTokenCount ?? null
  const outputs = [candidateTokens, thinkingTokens].filter(tokens => tokens !== null)
  const details = metadata?.candidatesTokensDetails ?? []
  // What no detail names is taken for a picture, which costs the most.
  const outputTextTokens = sumModality(details, 'TEXT')
  const outputImageTokens = candidateTokens === null ? null : candidateTokens - (outputTextTokens ?? 0)
  return {
    inputTokens: metadata?.promptTokenCount ?? null,
    outputTokens: outputs.length === 0 ? null : outputs.reduce((sum, tokens) => sum + tokens, 0),
    inputTextTokens: sumModality(metadata?.promptTokensDetails, 'TEXT'),
    inputImageTokens: sumModality(metadata?.promptTokensDetails, 'IMAGE'),
    outputTextTokens,
    outputImageTokens: outputImageTokens === null ? null : Math.max(0, outputImageTokens),
    thinkingTokens,
    images: null,
    costUsdMicro: null,
    upstreamRequestId: responseId,
  }
}

function sumModality(details: z.infer<typeof modalities> | undefined, modality: string): number | null {
  const named = (details ?? []).filter(detail => detail.modality === modality)
  return named.length === 0 ? null : named.reduce((sum, detail) => sum + (detail.tokenCount ?? 0), 0)
}
