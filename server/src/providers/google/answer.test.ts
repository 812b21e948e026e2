// Guards the reading of Gemini's 200s: which picture counts, and which of them are refusals in disguise.
import { expect, test } from 'vitest'
import { type AnswerPicture, classifyAnswer } from './answer.ts'

function picture(name: string): AnswerPicture {
  const image = { storageKey: name, mediaType: 'image/jpeg', sizeBytes: 9, sha256: 'f', width: 4, height: 4 }
  return { kind: 'received', image }
}

const data = { inlineData: { mimeType: 'image/jpeg', data: { $image: 0 } } }

type Part = { name?: string; broken?: boolean; thought?: unknown; text?: string }

/** An answer with one candidate; parts with a name hold a picture. */
function answer(parts: Part[] | null, more: Record<string, unknown> = {}) {
  const pictures = new Map<number, AnswerPicture>()
  for (const [index, { name, broken }] of (parts ?? []).entries()) {
    if (name !== undefined)
      pictures.set(index, broken ? { kind: 'rejected', message: 'No picture.' } : picture(name))
  }
  const listed = parts?.map(({ name, broken: _broken, ...rest }) =>
    name === undefined ? rest : { ...data, ...rest },
  )
  const candidate = { content: { role: 'model', parts: listed }, finishReason: 'STOP', index: 0, ...more }
  return { value: { candidates: [candidate], usageMetadata: { promptTokenCount: 3 } }, pictures }
}

const chosenKey = (outcome: ReturnType<typeof classifyAnswer>) => {
  const image = outcome.kind === 'succeeded' ? outcome.images[0] : undefined
  return image?.kind === 'received' ? image.image.storageKey : null
}

test('drafts are skipped and the last picture that is none is taken', () => {
  const many = answer([
    { name: 'draft', thought: true },
    { name: 'first' },
    { text: 'Here:' },
    { name: 'last', thought: false },
    { name: 'late draft', thought: true },
  ])
  const outcome = classifyAnswer(many)
  expect(chosenKey(outcome)).toBe('last')
  expect(outcome).toMatchObject({ kind: 'succeeded', warnings: [expect.stringContaining('2 pictures')] })
  expect(chosenKey(classifyAnswer(answer([{ name: 'only', thought: null }])))).toBe('only')
})

test('a broken draft does no harm, a broken final picture is malformed', () => {
  const draft = answer([{ name: 'draft', broken: true, thought: true }, { name: 'final' }])
  expect(classifyAnswer(draft)).toMatchObject({ kind: 'succeeded', warnings: [] })
  const final = answer([{ name: 'early' }, { name: 'final', broken: true }])
  expect(classifyAnswer(final)).toMatchObject({ failure: 'malformed_response' })
})

test('a picture with another finish reason is delivered with a warning', () => {
  const outcome = classifyAnswer(answer([{ name: 'only' }], { finishReason: 'MAX_TOKENS' }))
  expect(outcome).toMatchObject({ kind: 'succeeded', warnings: [expect.stringContaining('MAX_TOKENS')] })
})

test.each([
  ['SAFETY', 'output'],
  ['RECITATION', 'output'],
  ['BLOCKLIST', 'output'],
  ['PROHIBITED_CONTENT', 'output'],
  ['SPII', 'output'],
  ['IMAGE_SAFETY', 'output'],
  ['IMAGE_PROHIBITED_CONTENT', 'output'],
  ['IMAGE_RECITATION', 'output'],
  ['NO_IMAGE', 'unknown'],
  ['OTHER', 'unknown'],
  ['IMAGE_OTHER', 'unknown'],
])('no picture with %s is a refusal of stage %s, with what it used', (finishReason, stage) => {
  const outcome = classifyAnswer(answer(null, { finishReason, finishMessage: 'Support code: 4.' }))
  expect(outcome).toMatchObject({ failure: 'content_rejected', stage, usage: { inputTokens: 3 } })
  expect(outcome.kind === 'failed' && outcome.message).toContain('Support code: 4.')
})

test.each([
  'MAX_TOKENS',
  'MALFORMED_RESPONSE',
  'MALFORMED_FUNCTION_CALL',
  'UNEXPECTED_TOOL_CALL',
  'TOO_MANY_TOOL_CALLS',
  'CONTINUATION',
  'A_REASON_OF_TOMORROW',
])('no picture with %s is malformed, even with words', finishReason => {
  const outcome = classifyAnswer(answer([{ text: 'Half a' }], { finishReason }))
  expect(outcome).toMatchObject({ failure: 'malformed_response' })
})

test('an unsupported language is a fault of the prompt', () => {
  const outcome = classifyAnswer(answer(null, { finishReason: 'LANGUAGE' }))
  expect(outcome).toMatchObject({ failure: 'invalid_request', field: 'prompt' })
})

test('words with STOP are a refusal whose words the operator keeps', () => {
  const outcome = classifyAnswer(answer([{ text: "I can't create that." }]))
  expect(outcome).toMatchObject({ failure: 'content_rejected', stage: 'unknown' })
  expect(outcome.kind === 'failed' && outcome.message).toContain("I can't create that.")
})

test('only thoughts, no parts, and blank words are malformed', () => {
  const shapes = [
    [{ name: 'draft', thought: true }],
    [{ text: 'Hm.', thought: true }],
    [{ text: '  ' }],
    [],
    null,
  ]
  for (const parts of shapes) {
    expect(classifyAnswer(answer(parts))).toMatchObject({ failure: 'malformed_response' })
  }
})

test('a blocked prompt is a refusal of the input, with or without an empty list of candidates', () => {
  const safetyRatings = [
    { category: 'HARM_CATEGORY_HARASSMENT', blocked: true },
    { category: 'HARM_CATEGORY_HATE_SPEECH' },
  ]
  for (const candidates of [undefined, null, []]) {
    for (const blockReason of ['SAFETY', 'OTHER', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'IMAGE_SAFETY', 'NEW']) {
      const value = { candidates, promptFeedback: { blockReason, safetyRatings } }
      expect(classifyAnswer({ value, pictures: new Map() })).toMatchObject({
        failure: 'content_rejected',
        stage: 'input',
        categories: ['harassment'],
      })
    }
  }
})

test('answers of no known shape are malformed', () => {
  const values = [null, [], 'ok', 7, {}, { candidates: null }, { candidates: [null] }, { candidates: {} }]
  for (const value of [
    ...values,
    { candidates: [], promptFeedback: {} },
    { candidates: [{ content: null }] },
  ]) {
    const outcome = classifyAnswer({ value, pictures: new Map() })
    expect(outcome, JSON.stringify(value)).toMatchObject({ failure: 'malformed_response' })
  }
})

test('one odd part does not hide the others', () => {
  const odd = answer([{ name: 'final' }])
  const parts = [{ ...data }, null, 'words', { text: 7 }, { thought: 'yes' }]
  const value = {
    candidates: [{ content: { parts }, finishReason: 'STOP', safetyRatings: 'none', extra: [{}] }],
  }
  expect(chosenKey(classifyAnswer({ ...odd, value }))).toBe('final')
})

test('usage counts thinking as output and splits the input', () => {
  const value = {
    promptFeedback: { blockReason: 'SAFETY' },
    responseId: 'r-1',
    usageMetadata: {
      promptTokenCount: 1129,
      candidatesTokenCount: 1120,
      thoughtsTokenCount: 240,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 9 },
        { modality: 'IMAGE', tokenCount: 560 },
        { modality: 'IMAGE', tokenCount: 560 },
      ],
    },
  }
  const usage = (of: unknown) => {
    const outcome = classifyAnswer({ value: of, pictures: new Map() })
    return outcome.kind === 'pending' ? null : outcome.usage
  }
  expect(usage(value)).toEqual({
    inputTokens: 1129,
    outputTokens: 1360,
    inputTextTokens: 9,
    inputImageTokens: 1120,
    // Of no kind that is told: a picture.
    outputImageTokens: 1120,
    outputTextTokens: null,
    thinkingTokens: 240,
    images: null,
    costUsdMicro: null,
    upstreamRequestId: 'r-1',
  })
  const spoken = {
    candidatesTokenCount: 1140,
    candidatesTokensDetails: [
      { modality: 'TEXT', tokenCount: 20 },
      { modality: 'IMAGE', tokenCount: 1120 },
      7,
    ],
  }
  expect(usage({ ...value, usageMetadata: spoken })).toMatchObject({
    ...{ inputTokens: null, outputTokens: 1140, outputTextTokens: 20, outputImageTokens: 1120 },
  })
  const odd = {
    promptTokenCount: -1,
    candidatesTokenCount: '9',
    thoughtsTokenCount: 1.5,
    promptTokensDetails: {},
  }
  expect(usage({ ...value, responseId: 4, usageMetadata: odd })).toEqual({
    inputTokens: null,
    outputTokens: null,
    inputTextTokens: null,
    inputImageTokens: null,
    outputImageTokens: null,
    outputTextTokens: null,
    thinkingTokens: null,
    images: null,
    costUsdMicro: null,
    upstreamRequestId: null,
  })
})
