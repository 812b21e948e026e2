// getimg fetches the pictures of an order itself. While the order is open each lies at an address of ours that ends with
// it; nobody else can open it, and a service that cannot be reached refuses the order before it is sent.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGetimgClient } from './conformance/getimg-client.ts'
import { createRig, type Node, type Rig } from './harness.ts'
import { ask } from './money.ts'
import { findQuietPort } from './quiet-ports.ts'
import { defaultGetimgKey, type GetimgUpstream, startGetimgUpstream } from './upstreams/getimg.ts'
import { makePicture } from './upstreams/pictures.ts'

let rig: Rig
let getimg: GetimgUpstream
let known: Node
let hidden: Node
let apiKey: string
let picture: string
const origin = 'https://pictures.example.com'

beforeAll(async () => {
  rig = await createRig()
  getimg = await startGetimgUpstream()
  const env = {
    GETIMG_BASE_URL: getimg.url,
    GETIMG_API_KEY: defaultGetimgKey,
    OUTBOUND_ALLOW: new URL(getimg.files.url).host,
  }
  // Its public address has to be known before the process listens.
  const port = String(await findQuietPort())
  known = await rig.startNode({
    ...env,
    PORT: port,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    FILES_URL: origin,
  })
  hidden = await rig.startNode(env)
  apiKey = (await rig.account({ credits: 10_000 })).apiKey
  const png = await makePicture({ width: 64, height: 64, format: 'png', seed: 'mine' })
  picture = `data:image/png;base64,${png.toString('base64')}`
})
afterAll(async () => {
  expect(await rig.violations()).toEqual([])
  expect([...getimg.errors, ...getimg.files.upstream.errors]).toEqual([])
  await rig.close()
  await getimg.close()
})

/** An edit that only getimg can serve. */
function order(node: Node, prompt: string) {
  const client = createGetimgClient({ apiKey, baseURL: node.url, pause: async () => {} })
  const images = [{ url: picture, role: 'reference_image' }]
  return client.images.generate({ model: 'wan-2-7-image', prompt, resolution: '1K', images })
}

function sentFor(prompt: string): string[] {
  const request = getimg.requests.find(each => each.prompt === prompt)
  return (request?.fields as { references: string[] } | undefined)?.references ?? []
}

/** By the public name, at the process that has it. */
function read(url: string, init?: RequestInit): Promise<Response> {
  return fetch(url.replace(origin, known.url), init)
}

describe('pictures for an upstream that fetches them itself', () => {
  it('lie at an address that opens while the order is open, and not after', async () => {
    const prompt = 'bluer'
    const resume = getimg.pause()
    const ordered = order(known, prompt)
    await getimg.waitUntil(() => sentFor(prompt).length === 1)
    const [url = ''] = sentFor(prompt)
    expect(url.startsWith(`${origin}/files/`)).toBe(true)
    const answer = await read(url)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('image/png')
    expect(answer.headers.get('cache-control')).toMatch(/private/)
    expect(
      Buffer.from(await answer.arrayBuffer())
        .subarray(0, 4)
        .toString('latin1'),
    ).toBe('\x89PNG')
    const wrong = [
      url.replace('input-0', 'input-1'),
      url.replace('input-0', '0.png'),
      url.replace(/sig=./, 'sig=x'),
      url.replace(/exp=\d/, 'exp=9'),
      url.split('?')[0] ?? '',
    ]
    for (const each of wrong) expect((await read(each)).status).toBe(404)
    expect((await read(url, { method: 'POST' })).status).toBe(404)
    resume()
    expect((await ordered).usage.total_cost).toBeGreaterThan(0)
    expect((await read(url)).status).toBe(404)
  })

  it('are refused unsent, at no charge, where nobody could fetch them', async () => {
    const before = getimg.total.requests
    await expect(order(hidden, 'greener')).rejects.toMatchObject({ status: 500 })
    expect(getimg.total.requests).toBe(before)
    const rows = await ask<{ reason: string; captured: number }>(
      rig.database.db,
      'SELECT reason, captured FROM generation WHERE prompt = $1',
      ['greener'],
    )
    expect(rows[0]).toEqual({ reason: 'invalid_for_model', captured: 0 })
  })
})
