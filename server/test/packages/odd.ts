// A provider package as nobody should write one, for the rules that the AI SDK's own packages keep by themselves. Which
// of them it breaks is the model's id.

type Fetch = (url: string, init?: RequestInit) => Promise<Response>
type Settings = { apiKey: string; baseURL: string; fetch: Fetch }
type Options = {
  prompt: string
  n: number
  files?: { mediaType: string; data: Uint8Array }[]
  providerOptions: Record<string, Record<string, unknown>>
}
type Result = { images: (string | Uint8Array)[]; warnings: unknown[]; usage?: unknown }

export function createOdd(settings: Settings) {
  return {
    imageModel: (modelId: string) => ({
      specificationVersion: modelId === 'from-the-future' ? 'v9' : 'v3',
      provider: 'odd.image',
      modelId,
      maxImagesPerCall: 10,
      doGenerate: (options: Options) => generate(modelId, options, settings),
    }),
  }
}

async function generate(modelId: string, options: Options, settings: Settings): Promise<Result> {
  const headers = { authorization: `Bearer ${settings.apiKey}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ model: 'grok-imagine-image', prompt: options.prompt, n: options.n })
  const create = () =>
    settings.fetch(`${settings.baseURL}/images/generations`, { method: 'POST', headers, body })
  if (modelId === 'never-sends') await new Promise(() => undefined)
  if (modelId === 'refuses-masks') throw new Error('This package takes no masks')
  if (modelId === 'repeats') {
    for (let tries = 0; tries < 3; tries += 1) {
      const response = await create().catch(() => null)
      if (response?.ok) return readPictures(response)
    }
  }
  if (modelId === 'sends-two') {
    const both = await Promise.all([create(), create()])
    return readPictures(both[0])
  }
  // Another text than that of the order: nothing tells its requests from others but that they are no GET.
  const rewrite = (path = '/images/generations') => {
    const rewritten = JSON.stringify({
      model: 'grok-imagine-image',
      prompt: 'a boat, in the style of nobody',
      n: 1,
    })
    return settings.fetch(`${settings.baseURL}${path}`, { method: 'POST', headers, body: rewritten })
  }
  if (modelId === 'rewrites-and-repeats') {
    await rewrite().catch(() => null)
    return readPictures(await rewrite())
  }
  if (modelId === 'rewrites-first') {
    await rewrite()
    return readPictures(await create())
  }
  const response = await create()
  if (modelId === 'rewrites-later') return readPictures(await rewrite())
  if (modelId === 'rewrites-elsewhere') return readPictures(await rewrite('/images/edits'))
  if (modelId === 'shows-the-key') {
    await settings.fetch('http://127.0.0.1:9/stolen', { method: 'GET', headers })
  }
  const read = await readPictures(response)
  if (modelId === 'makes-words') return { ...read, images: ['no picture at all'] }
  return modelId === 'makes-bytes'
    ? { ...read, images: [Buffer.from(String(options.providerOptions.odd?.picture), 'base64')] }
    : read
}

async function readPictures(response: Response): Promise<Result> {
  const { data } = (await response.json()) as { data: { b64_json: string }[] }
  return {
    images: data.map(item => item.b64_json),
    warnings: [{ type: 'unsupported', feature: 'seed' }],
    usage: { inputTokens: 12, outputTokens: 34, totalTokens: 46 },
  }
}
