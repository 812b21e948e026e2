// OpenAI's Moderations API as a judge of texts and pictures. Every picture is asked about by itself, small: more than
// one in a call is not documented to work. Anything but a plain verdict is JudgeDown, never "not flagged".
import { z } from 'zod'
import type { OutboundClient } from '../outbound.ts'
import { type Judge, JudgeDown, type Verdict } from './moderation.ts'

export type OpenAiJudgeOptions = {
  http: OutboundClient
  apiKey: string
  baseUrl: string
  model: string
  /** Makes a small JPEG of a picture; rejects when it cannot be decoded. */
  shrink(bytes: Buffer): Promise<Buffer>
}

/** Answers come within a second; a caller waits for this one before anything is held. */
const timeoutMs = 10_000
/** A verdict has some 3 KiB for each input. */
const maxAnswerBytes = 256 * 1024

const answerSchema = z.object({
  results: z.array(z.object({ flagged: z.boolean(), categories: z.record(z.string(), z.boolean()) })).min(1),
})

type Part = { type: 'text'; text: string } | { type: 'image_url'; image_url: { url: string } }

export function createOpenAiJudge(options: OpenAiJudgeOptions): Judge {
  return {
    judgeText: text => ask(options, [{ type: 'text', text }]),
    async judgePicture(picture) {
      const small = await shrinkOrFail(options, await picture.read())
      const url = `data:image/jpeg;base64,${small.toString('base64')}`
      return ask(options, [{ type: 'image_url', image_url: { url } }])
    },
  }
}

async function shrinkOrFail({ shrink }: OpenAiJudgeOptions, bytes: Buffer): Promise<Buffer> {
  try {
    return await shrink(bytes)
  } catch (error) {
    throw new JudgeDown('a picture cannot be made small enough to be judged', { cause: error })
  }
}

async function ask({ http, apiKey, baseUrl, model }: OpenAiJudgeOptions, input: Part[]): Promise<Verdict> {
  let status: number
  let text: string
  try {
    const answer = await http.request({
      method: 'POST',
      url: `${baseUrl}/moderations`,
      trust: 'configured',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, input }),
      timeoutMs,
      maxBodyBytes: maxAnswerBytes,
    })
    status = answer.status
    text = await answer.text()
  } catch (error) {
    throw new JudgeDown('the moderation provider cannot be asked', { cause: error })
  }
  if (status !== 200) throw new JudgeDown(`the moderation provider answered ${status}`)
  return readVerdict(text)
}

function readVerdict(text: string): Verdict {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new JudgeDown('the moderation provider answered no JSON')
  }
  const parsed = answerSchema.safeParse(json)
  if (!parsed.success) throw new JudgeDown('the moderation provider answered in other words than documented')
  const { results } = parsed.data
  const categories = results.flatMap(result =>
    Object.entries(result.categories).flatMap(([name, isSet]) => (isSet ? [name] : [])),
  )
  return { isFlagged: results.some(({ flagged }) => flagged), categories: [...new Set(categories)] }
}
