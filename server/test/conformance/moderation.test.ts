// Moderation over the wire: what is refused before anything is held, what is kept back after it was made, and what
// happens to whoever asks too often or while nobody can judge.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clearStrikes, listStrikes } from '../../src/moderation/strikes.ts'
import { createRig, eventually, generateImage, type Node, type Rig } from '../harness.ts'
import { leaveMidnight } from '../money.ts'

let rig: Rig
let folder: string
/** Checked by the emulated provider; by a list of words; by the provider, passing when it is down. */
let checked: Node
let listed: Node
let lenient: Node

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  await leaveMidnight(rig.database.ownerDb)
  folder = mkdtempSync(join(tmpdir(), 'darkroom-words-'))
  const words = join(folder, 'words.txt')
  writeFileSync(words, '# ours\nquokka\nred herring*\n')
  const limits = { MODERATION_BLOCKED_PER_DAY: '3', MODERATION_STRIKES: '4' }
  ;[checked, listed, lenient] = await Promise.all([
    rig.startNode({ MODERATION: 'openai', ...limits }),
    rig.startNode({ MODERATION: 'words', MODERATION_WORDS: words, ...limits }),
    rig.startNode({ MODERATION: 'openai', MODERATION_ON_FAILURE: 'pass' }),
  ])
})
afterAll(async () => {
  await rig.close()
  rmSync(folder, { recursive: true, force: true })
})

type Body = Record<string, unknown> & { outputs?: unknown[]; id: string }
type Answer = { status: number; headers: Headers; body: Body }

async function order(
  node: Node,
  apiKey: string,
  { headers = {}, ...body }: Record<string, unknown>,
): Promise<Answer> {
  const sent = await fetch(`${node.url}/api/v1/generations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apiKey}`,
      'content-type': 'application/json',
      prefer: 'wait=30',
      ...(headers as object),
    },
    body: JSON.stringify({ model: 'gpt-image-2', ...body }),
  })
  return { status: sent.status, headers: sent.headers, body: (await sent.json()) as Body }
}

async function rowsOf(accountId: string): Promise<number> {
  const text = 'SELECT count(*)::int AS rows FROM generation WHERE account_id = $1'
  const [row] = await rig.database.db.query<{ rows: number }>({ name: 'rows_of', text }, [accountId])
  return row?.rows ?? -1
}

const picture = async (background: string) => {
  const png = await sharp({ create: { width: 64, height: 64, channels: 3, background } })
    .png()
    .toBuffer()
  return { url: `data:image/png;base64,${png.toString('base64')}` }
}

const stored = (area: string) =>
  readdirSync(join(rig.dataDir, 'images'), { recursive: true, encoding: 'utf8' }).filter(
    name => name.startsWith(`${area}/`) && !name.endsWith('.json') && name.split('/').length === 3,
  )

describe('an order is refused before anything is held', () => {
  test('for lack of credits before anybody judges it', async () => {
    const { apiKey } = await rig.account({ credits: 0 })
    const judged = () => rig.openai.requests.filter(({ path }) => path === '/v1/moderations').length
    const before = judged()
    expect((await order(checked, apiKey, { prompt: 'flag:hate' })).body.code).toBe('insufficient_credits')
    expect((await order(listed, apiKey, { prompt: 'a quokka' })).body.code).toBe('insufficient_credits')
    expect(judged()).toBe(before)
  })

  test('for its words, by the provider and by the list, and leaves its key unused', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const headers = { 'idempotency-key': 'words' }
    const refused = await order(checked, apiKey, { prompt: 'flag:hate', headers })
    expect([refused.status, refused.body.code]).toEqual([422, 'content_rejected'])
    const byList = await order(listed, apiKey, { prompt: 'a QUOKKA on a beach', headers })
    expect([byList.status, byList.body.code]).toEqual([422, 'content_rejected'])
    const byStyle = await order(listed, apiKey, { prompt: 'a fish', style: 'red herrings' })
    expect(byStyle.status).toBe(422)
    const wire = await generateImage(checked, apiKey, { prompt: 'flag:sexual/minors' })
    expect(wire.status).toBe(400)
    expect([await rowsOf(accountId), await rig.balance(accountId)]).toEqual([0, 100])
    expect(rig.openai.requests.filter(({ path }) => path.startsWith('/v1/images'))).toEqual([])
    // One more refusal would be the last strike of this account.
    const taken = await rig.account({ credits: 100 })
    const good = await order(checked, taken.apiKey, { prompt: 'a fish', headers })
    expect(good.body.status).toBe('succeeded')
    const again = await order(checked, taken.apiKey, { prompt: 'a fish', headers })
    expect([again.body.id, again.headers.get('idempotent-replayed')]).toEqual([good.body.id, 'true'])
  })

  test.each([
    ['getimg', '/v2/images/generations', { model: 'gpt-image-2' }, 422, 'content_policy_violation'],
    ['gptimage2', '/gptimage2/api/v1/generate', {}, 422, 'content_rejected'],
    ['imgeo', '/imgeo/api/v1/generate', { model: 'google/nano-banana' }, 400, 'content_rejected'],
    ['openai', '/v1/images/generations', { model: 'gpt-image-2' }, 400, 'moderation_blocked'],
  ])('in the words of %s', async (_dialect, path, body, status, code) => {
    const { apiKey, accountId } = await rig.account({ credits: 100, plan: 'pro' })
    for (const [node, prompt] of [
      [checked, 'flag:hate'],
      [listed, 'a quokka'],
    ] as const) {
      const refused = await fetch(node.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ ...body, prompt }),
      })
      const text = await refused.text()
      expect([refused.status, text]).toEqual([status, expect.stringContaining(`"code":"${code}"`)])
    }
    expect([await rowsOf(accountId), await rig.balance(accountId)]).toEqual([0, 100])
  })

  test('but not for what it says it does not want: that is no strike either', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const unwanted = { model: 'darkroom:sketch', prompt: 'a fish' }
    for (const [node, negativePrompt] of [
      [listed, 'a quokka, red herrings'],
      [checked, 'flag:hate'],
    ] as const) {
      const made = await order(node, apiKey, { ...unwanted, negativePrompt })
      expect([made.status, made.body.status]).toEqual([200, 'succeeded'])
      const wire = await fetch(`${node.url}/imgeo/api/v1/generate`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ model: 'google/nano-banana', prompt: 'a fish', negative_prompt: negativePrompt },
        }),
      })
      expect([wire.status, await wire.text()]).toMatchObject([200, expect.stringContaining('images')])
    }
    const strikes = await listStrikes(rig.database.db, 100)
    expect(strikes.filter(each => each.accountId === accountId)).toEqual([])
  })

  test('for a picture that comes with it, of which nothing stays', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const images = [await picture('#20a040'), await picture('#ff0000')]
    const refused = await order(checked, apiKey, { prompt: 'a fish', images })
    expect([refused.status, refused.body.code]).toEqual([422, 'content_rejected'])
    expect([await rowsOf(accountId), await rig.balance(accountId), stored('in')]).toEqual([0, 100, []])
    const good = await order(checked, apiKey, { prompt: 'a fish', images: [images[0]] })
    expect(good.body.status).toBe('succeeded')
    expect(stored('in')).toHaveLength(1)
    const [asked] = rig.openai.requests.filter(
      ({ path, body }) => path === '/v1/moderations' && !body?.includes('text'),
    )
    expect(asked?.body?.toString()).toContain('data:image/jpeg;base64,')
  })

  test('while the provider is down, with 503 and a time to come again; or passes, where that was chosen', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    for (const behaviour of ['error_500', 'rate_limit=none', 'wrong_key']) {
      rig.openai.script({ attempt: '', behaviour, times: 2 })
      const refused = await order(checked, apiKey, { prompt: 'a fish' })
      expect([behaviour, refused.status, refused.body.code]).toEqual([behaviour, 503, 'unavailable'])
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect([await rowsOf(accountId), await rig.balance(accountId)]).toEqual([0, 100])
    // One hiccup is not told to anybody.
    rig.openai.script({ attempt: '', behaviour: 'error_500', times: 1 })
    expect((await order(checked, apiKey, { prompt: 'a fish' })).body.status).toBe('succeeded')
    rig.openai.script({ attempt: '', behaviour: 'error_500', times: 2 })
    expect((await order(lenient, apiKey, { prompt: 'flag:hate' })).body.status).toBe('succeeded')
  })
})

describe('a result is judged before it is delivered', () => {
  test('and a refused one is blocked, free, and gone', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const before = stored('g').length
    const blocked = await order(checked, apiKey, { prompt: 'a sunset [[emulate: red_picture]]' })
    expect(blocked.body).toMatchObject({
      status: 'blocked',
      reason: 'content_rejected',
      outputs: [],
      costCredits: 0,
    })
    expect(await rig.balance(accountId)).toBe(100)
    await eventually('its picture is gone', () => stored('g').length === before)
    const wire = await generateImage(checked, apiKey, { prompt: 'a sunset [[emulate: red_picture]]' })
    expect([wire.status, wire.body.image]).toEqual([400, undefined])
    const text = `SELECT sum(e.amount)::int AS loss FROM transfer t JOIN entry e ON e.transfer_id = t.id
      WHERE t.account_id = $1 AND t.kind = 'operator_loss' AND e.bucket = 'operator_loss'`
    const [row] = await rig.database.db.query<{ loss: number }>({ name: 'loss_of', text }, [accountId])
    expect(row?.loss).toBeGreaterThan(0)
  })

  test('of several, the others are delivered, and only they are charged', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 1_000 })
    const whole = await order(checked, apiKey, { prompt: 'a set', n: 3 })
    const each = Number(whole.body.costCredits) / 3
    const made = await order(checked, apiKey, { prompt: 'a set [[emulate: red_picture=1]]', n: 3 })
    expect(made.body).toMatchObject({ status: 'succeeded', costCredits: 2 * each })
    expect(made.body.outputs).toHaveLength(2)
    expect(made.body.warnings).toEqual([expect.stringMatching(/withheld/)])
    expect(await rig.balance(accountId)).toBe(1_000 - 5 * each)
    for (const index of [0, 1]) {
      const url = `${checked.url}/api/v1/generations/${made.body.id}/images/${index}`
      const bytes = await (await fetch(url, { headers: { authorization: `Bearer ${apiKey}` } })).arrayBuffer()
      const { channels } = await sharp(bytes).stats()
      expect(channels.map(({ mean }) => Math.round(mean))).not.toEqual([255, 0, 0])
    }
  })

  test('and waits for a provider that is down, because it is paid for', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const images = () => rig.openai.requests.filter(({ path }) => path === '/v1/images/generations').length
    const before = images()
    const made = order(checked, apiKey, { prompt: 'patience [[emulate: slow=4000]]' })
    await rig.openai.waitUntil(() => images() > before)
    rig.openai.script({ attempt: '', behaviour: 'error_500', times: 2 })
    expect((await made).body).toMatchObject({ status: 'succeeded' })
    expect(images()).toBe(before + 1)
  })

  test('not at all where only words are checked', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const made = await order(listed, apiKey, { prompt: 'a sunset [[emulate: red_picture]]' })
    expect(made.body.status).toBe('succeeded')
  })
})

describe('an account', () => {
  test('with too many blocked results of a day waits for midnight, whoever blocked them, on every node', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const neighbour = await rig.account({ credits: 100 })
    for (const directive of ['red_picture', 'moderation_output', 'moderation_input']) {
      const blocked = await order(checked, apiKey, { prompt: `a sunset [[emulate: ${directive}]]` })
      expect([directive, blocked.body.status ?? blocked.status]).toEqual([
        directive,
        directive === 'red_picture' ? 'blocked' : 503,
      ])
    }
    // The provider's own refusals, from a node whose moderation reads no directives.
    for (const directive of ['moderation_output', 'moderation_input']) {
      const blocked = await order(listed, apiKey, { prompt: `a sunset [[emulate: ${directive}]]` })
      expect([directive, blocked.body.status]).toEqual([directive, 'blocked'])
    }
    for (const node of [checked, listed]) {
      let last: Answer | null = null
      await eventually('it is refused', async () => {
        last = await order(node, apiKey, { model: 'darkroom:sketch', prompt: 'a fish' })
        return last.status === 429
      })
      const { headers, body } = last as unknown as Answer
      const seconds = Number(headers.get('retry-after'))
      expect(body.code).toBe('rate_limited')
      // Counted by the process's clock, where one midnight is as good as the next.
      const lateBy = seconds - (86_400 - (Math.floor(Date.now() / 1000) % 86_400))
      expect((lateBy + 1 + 86_400) % 86_400).toBeLessThan(60)
    }
    expect((await order(checked, neighbour.apiKey, { prompt: 'a fish' })).body.status).toBe('succeeded')
    expect(await rig.balance(accountId)).toBe(100)
  })

  test('with its last strike is refused until an operator clears it', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    for (let strike = 1; strike <= 4; strike += 1) {
      expect((await order(listed, apiKey, { prompt: 'a quokka' })).status).toBe(422)
    }
    await eventually('it is refused', async () => {
      const answer = await order(checked, apiKey, { prompt: 'a fish' })
      return answer.status === 422 && /ask the operator/.test(String(answer.body.error))
    })
    const [row] = (await listStrikes(rig.database.db, 100)).filter(each => each.accountId === accountId)
    expect(row).toMatchObject({ strikes: 4, lastStage: 'input', lastCategories: ['word_list'] })
    expect(await clearStrikes(rig.database.db, accountId)).toBe(4)
    await eventually('it is taken again', async () => {
      return (await order(checked, apiKey, { prompt: 'a fish' })).body.status === 'succeeded'
    })
  })
})

test('no word of a refused prompt is in the log', () => {
  for (const node of [checked, listed, lenient])
    expect(node.output.join('\n')).not.toMatch(/quokka|flag:hate/i)
})
