// The Moderations API: flags what the words of the input name, and knows which categories look at pictures.
import sharp from 'sharp'
import { sendAnswer } from '../faults.ts'
import type { Exchange } from '../upstream.ts'
import { findRefusal, jsonAnswer, refuse } from './refusals.ts'

const imageCategories = [
  'self-harm',
  'self-harm/intent',
  'self-harm/instructions',
  'sexual',
  'violence',
  'violence/graphic',
]
const textCategories = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'sexual/minors',
]
const categories = [...textCategories, ...imageCategories]
const models = [
  'omni-moderation-latest',
  'omni-moderation-2024-09-26',
  'text-moderation-latest',
  'text-moderation-stable',
]

type Input = { text: string; images: string[]; isRed?: boolean }

/**
 * Answers one call. Text is flagged where it says `flag:<category>`; a picture where its URL does, and one that comes
 * as a data URL as `violence` when it is plain red.
 */
export async function moderate(exchange: Exchange): Promise<void> {
  const body = parseBody(exchange.request.body)
  const inputs = readInputs(body?.input)
  if (body === null || inputs === null) {
    return sendAnswer(
      exchange,
      refuse(400, { message: "Invalid 'input'.", param: 'input', code: 'invalid_value' }),
    )
  }
  const model = body.model ?? 'omni-moderation-latest'
  if (typeof model !== 'string' || !models.includes(model)) {
    const message = `Invalid value for 'model' = ${String(model)}. Please check the OpenAI documentation and try again.`
    return sendAnswer(exchange, refuse(400, { message, param: 'model' }))
  }
  const directives = exchange.steer(inputs.map(input => input.text).join('\n'))
  const refusal = findRefusal(directives, { key: '', model })
  if (refusal !== null) return sendAnswer(exchange, refusal.answer)
  try {
    for (const input of inputs) input.isRed = await hasRedPicture(input.images)
  } catch {
    const message = 'Invalid image: the file could not be decoded.'
    return sendAnswer(exchange, refuse(400, { message, param: 'input', code: 'invalid_image' }))
  }
  const results = inputs.map(judgeInput)
  return sendAnswer(exchange, jsonAnswer(200, { id: `modr-${exchange.request.body.length}`, model, results }))
}

async function hasRedPicture(urls: string[]): Promise<boolean> {
  for (const url of urls.filter(each => each.startsWith('data:'))) {
    const { channels } = await sharp(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')).stats()
    const [red, green, blue] = channels.map(({ mean }) => mean)
    if ((red ?? 0) > 240 && (green ?? 255) < 15 && (blue ?? 255) < 15) return true
  }
  return false
}

function judgeInput(input: Input): Record<string, unknown> {
  const flags = categories.map(category => {
    const byText = input.text.includes(`flag:${category}`)
    const byUrl = input.images.some(url => url.includes(`flag:${category}`))
    const byPixels = category === 'violence' && input.isRed === true
    const byImage = imageCategories.includes(category) && (byUrl || byPixels)
    const applied = [
      ...(input.text === '' ? [] : ['text']),
      ...(input.images.length > 0 && imageCategories.includes(category) ? ['image'] : []),
    ]
    return { category, isFlagged: byText || byImage, applied }
  })
  return {
    flagged: flags.some(flag => flag.isFlagged),
    categories: Object.fromEntries(flags.map(flag => [flag.category, flag.isFlagged])),
    category_scores: Object.fromEntries(flags.map(flag => [flag.category, flag.isFlagged ? 0.97 : 0.0001])),
    category_applied_input_types: Object.fromEntries(flags.map(flag => [flag.category, flag.applied])),
  }
}

/** One entry per result: each string of a list, or one for a mixed list. */
function readInputs(input: unknown): Input[] | null {
  if (typeof input === 'string') return [{ text: input, images: [] }]
  if (!Array.isArray(input) || input.length === 0) return null
  if (input.every(item => typeof item === 'string')) return input.map(text => ({ text, images: [] }))
  const mixed: Input = { text: '', images: [] }
  for (const item of input) {
    const part = item as { type?: unknown; text?: unknown; image_url?: { url?: unknown } } | null
    if (part?.type === 'text' && typeof part.text === 'string') mixed.text += part.text
    else if (part?.type === 'image_url' && typeof part.image_url?.url === 'string')
      mixed.images.push(part.image_url.url)
    else return null
  }
  return [mixed]
}

function parseBody(body: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
