// The official client as its users make it, with nothing set but address and key; and a look at what it sent.
import OpenAI from 'openai'
import sharp from 'sharp'

export type SentCall = { url: string; headers: Headers; status: number | null }

/** `sent` sees every HTTP call that the client makes, repeats included. */
export function openClient(
  url: string,
  apiKey: string,
  options: { headers?: Record<string, string>; timeoutMs?: number; fallbackUrl?: string } = {},
): { client: OpenAI; sent: SentCall[] } {
  const sent: SentCall[] = []
  const client = new OpenAI({
    apiKey,
    baseURL: `${url}/v1`,
    ...(options.headers ? { defaultHeaders: options.headers } : {}),
    ...(options.timeoutMs ? { timeout: options.timeoutMs } : {}),
    async fetch(input, init) {
      // It tries out whether forms can be sent here.
      if (String(input).startsWith('data:')) return fetch(input, init)
      const call: SentCall = { url: String(input), headers: new Headers(init?.headers), status: null }
      sent.push(call)
      // As a balancer does once the first process is gone.
      const isFirst = sent.length === 1 || !options.fallbackUrl
      const answer = await fetch(
        isFirst ? input : String(input).replace(url, options.fallbackUrl ?? url),
        init,
      )
      call.status = answer.status
      return answer
    },
  })
  return { client, sent }
}

/** A picture to edit; `transparent` leaves a hole in its middle. */
export async function makeInput(options: {
  width?: number
  height?: number
  format?: 'png' | 'jpeg' | 'webp'
  transparent?: boolean
  colour?: string
}): Promise<Buffer> {
  const { width = 256, height = 256, format = 'png', transparent = false, colour = '#336699' } = options
  const background = sharp({ create: { width, height, channels: 4, background: colour } })
  const hole = await sharp({
    create: { width: width >> 1, height: height >> 1, channels: 4, background: '#ffffff' },
  })
    .png()
    .toBuffer()
  const picture = transparent ? background.composite([{ input: hole, blend: 'dest-out' }]) : background
  return picture.toFormat(format).toBuffer()
}

/** Format and size of a picture by its bytes. */
export async function lookAt(base64: string | undefined | null) {
  const { format, width, height } = await sharp(Buffer.from(base64 ?? '', 'base64')).metadata()
  return { format, size: `${width}x${height}` }
}
