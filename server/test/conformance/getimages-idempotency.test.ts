// Idempotency-Key and Prefer on Get Images' POST: one key, one generation, one charge; and how long a caller waits.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey, revokeKey } from '../../src/accounts/keys.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { creditsOf, get, imageOf, type Judged, judge, postGenerate, withKey } from './getimages-contract.ts'

let rig: Rig
let node: Node

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
})
afterAll(() => rig.close())

const modelId = 'openai:gpt-image-2'
const keyed = (key: string) => ['idempotency-key', key]
const isReplay = (answer: Judged) => answer.headers['idempotent-replayed'] === 'true'
const callsOf = (prompt: string) => rig.openai.requests.filter(each => each.prompt?.includes(prompt)).length

function order(apiKey: string, body: unknown, headers: readonly string[] = []): Promise<Judged> {
  return postGenerate(node.url, apiKey, { body, headers })
}

describe('the same key', () => {
  test('shows the same image and charges once, however often it is sent', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const body = { prompt: 'replay me', modelId }
    const first = await order(apiKey, body, keyed('k-1'))
    expect(isReplay(first)).toBe(false)
    for (let count = 0; count < 3; count += 1) {
      const again = await order(apiKey, body, keyed('k-1'))
      expect(isReplay(again)).toBe(true)
      expect(again.body).toEqual(first.body)
    }
    expect(callsOf('replay me')).toBe(1)
    expect(await rig.balance(accountId)).toBe(95)
  })

  test('20 at once make one generation and one charge', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const body = { prompt: 'twins [[emulate: slow=300]]', modelId }
    const answers = await Promise.all(Array.from({ length: 20 }, () => order(apiKey, body, keyed('twins'))))
    expect(new Set(answers.map(each => imageOf(each).id)).size).toBe(1)
    expect(answers.filter(each => !isReplay(each))).toHaveLength(1)
    expect(callsOf('twins')).toBe(1)
    expect(await rig.balance(accountId)).toBe(95)
  })

  test('shows a failure and a refusal again and restarts neither, not even with an empty wallet', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 5 })
    for (const [directive, status] of [
      ['html_500, first=1', 500],
      ['moderation_input, first=1', 400],
    ] as const) {
      const body = { prompt: `ends badly [[emulate: ${directive}]]`, modelId }
      const first = await order(apiKey, body, keyed(directive.slice(0, 4)))
      expect(first.status).toBe(status)
      for (let count = 0; count < 4; count += 1) {
        const again = await order(apiKey, body, keyed(directive.slice(0, 4)))
        expect([again.status, again.body, isReplay(again)]).toEqual([status, first.body, true])
        expect(again.headers['x-darkroom-generation-id']).toBe(first.headers['x-darkroom-generation-id'])
      }
      expect(callsOf(`ends badly [[emulate: ${directive}`)).toBe(1)
    }
    expect(await rig.balance(accountId)).toBe(5)
    const spent = await order(apiKey, { prompt: 'last coin', modelId }, keyed('last'))
    expect(creditsOf(spent).remaining).toBe(0)
    expect((await order(apiKey, { prompt: 'last coin', modelId }, keyed('last'))).body).toEqual(spent.body)
  })

  test('with another body is 400 and nothing happens; key order and white space are no difference', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const base = { prompt: 'one thing', modelId, aspectRatio: '1:1', style: 'ink' }
    await order(apiKey, base, keyed('same'))
    const different: object[] = [
      { ...base, prompt: 'one thing.' },
      { ...base, prompt: 'one thing ' },
      { ...base, modelId: 'openai:gpt-image-1.5' },
      { ...base, aspectRatio: '3:2' },
      { ...base, style: 'Ink' },
      { ...base, style: '' },
      { prompt: base.prompt, modelId, aspectRatio: '1:1' },
      { prompt: base.prompt, modelId, style: 'ink' },
    ]
    for (let count = 0; count < 25; count += 1) {
      for (const body of different) {
        const varied = {
          ...body,
          ...(count > 0 && 'prompt' in body ? { prompt: `${body.prompt}${count}` } : {}),
        }
        const answer = await order(apiKey, varied, keyed('same'))
        expect(answer.status, JSON.stringify(varied)).toBe(400)
        expect(answer.headers['idempotent-replayed']).toBeUndefined()
      }
    }
    const names = ['prompt', 'modelId', 'aspectRatio', 'style'] as const
    for (let turn = 0; turn < 10; turn += 1) {
      const turned = [...names.slice(turn % 4), ...names.slice(0, turn % 4)]
      const body = JSON.stringify(Object.fromEntries(turned.map(name => [name, base[name]])), null, turn)
      expect(isReplay(await order(apiKey, body, keyed('same')))).toBe(true)
    }
    expect(await rig.balance(accountId)).toBe(95)
  })

  test('belongs to the account: shared by its keys, also after rotation, and to nobody else', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const stranger = await rig.account({ credits: 100 })
    const now = () => new Date()
    const body = { prompt: 'whose', modelId }
    const first = await order(apiKey, body, keyed('scope'))
    const input = { accountId, rate: 'off' as const }
    const second = await rig.database.db.transaction(tx => createKey({ tx, now }, input))
    expect(imageOf(await order(second.apiKey, body, keyed('scope'))).id).toBe(imageOf(first).id)
    await rig.database.db.transaction(tx => revokeKey(tx, second.keyId, accountId))
    const third = await rig.database.db.transaction(tx => createKey({ tx, now }, input))
    expect(imageOf(await order(third.apiKey, body, keyed('scope'))).id).toBe(imageOf(first).id)
    const foreign = await order(stranger.apiKey, body, keyed('scope'))
    expect(isReplay(foreign)).toBe(false)
    expect(imageOf(foreign).id).not.toBe(imageOf(first).id)
    expect(await rig.balance(accountId)).toBe(95)
  })

  test('is the same at the mount and at the root', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const body = { prompt: 'two doors', modelId }
    const first = await order(apiKey, body, keyed('door'))
    const mounted = await postGenerate(node.url, apiKey, {
      body,
      headers: keyed('door'),
      mount: '/getimages',
    })
    expect([imageOf(mounted).id, isReplay(mounted)]).toEqual([imageOf(first).id, true])
  })
})

test('a refused request leaves its key free, whatever the refusal', async () => {
  const { apiKey, accountId } = await rig.account({ credits: 3 })
  const limited = await rig.account({ credits: 50, key: { rate: { requests: 1, windowS: 1 } } })
  const body = { prompt: 'at last', modelId }
  expect((await order(apiKey, { ...body, prompt: '' }, keyed('400'))).status).toBe(400)
  expect((await order(`${apiKey}x`, body, keyed('400'))).status).toBe(401)
  expect((await order(apiKey, body, keyed('400'))).status).toBe(400) // too few credits
  expect((await order(apiKey, { ...body, style: 'x'.repeat(70_000) }, keyed('400'))).status).toBe(400)
  expect(
    (
      await judge(node.url, {
        method: 'POST',
        path: '/api/v1/images/generate',
        headers: ['authorization', `Bearer ${apiKey}`, ...keyed('400')],
        body: '{}',
      })
    ).status,
  ).toBe(400)
  const cheaper = { ...body, modelId: 'openai:gpt-image-1.5' }
  const made = await order(apiKey, cheaper, keyed('400'))
  expect([made.status, isReplay(made)]).toEqual([200, false])
  expect(await rig.balance(accountId)).toBe(0)

  await get(node.url, limited.apiKey, '/api/v1/account')
  let status = 0
  await eventually('a request is over the rate', async () => {
    status = (await order(limited.apiKey, { ...body, prompt: '' }, keyed('429'))).status
    return status === 429
  })
  await eventually('the window is over', async () => {
    const answer = await order(limited.apiKey, body, keyed('429'))
    status = answer.status
    if (status === 200) expect(isReplay(answer)).toBe(false)
    return status === 200
  })
})

test('a key is 1 to 255 visible ASCII characters, sent once; quotes around it are no part of it', async () => {
  const { apiKey } = await rig.account({ credits: 100 })
  const body = { prompt: 'named', modelId: 'openai:gpt-image-1.5' }
  const refused: string[][] = [
    keyed(''),
    keyed(' '),
    keyed('a b'),
    keyed('a\tb'),
    keyed('x'.repeat(256)),
    keyed('naïve'),
    keyed('""'),
    keyed('"a b"'),
    [...keyed('one'), ...keyed('one')],
    [...keyed('one'), ...keyed('two')],
  ]
  for (const headers of refused) {
    expect((await order(apiKey, body, headers)).status, headers.join(' ')).toBe(400)
  }
  for (const key of ['a', '~!@#$%^&*()_+{}|:<>?', 'x'.repeat(255)]) {
    const first = await order(apiKey, body, keyed(key))
    expect([first.status, isReplay(first)], key).toEqual([200, false])
    const quoted = await order(apiKey, body, keyed(`"${key}"`))
    expect([imageOf(quoted).id, isReplay(quoted)], key).toEqual([imageOf(first).id, true])
  }
})

describe('Prefer', () => {
  /** Answers while the work goes on, and what it becomes. */
  async function preferring(prefer: string, slowMs: number): Promise<Judged> {
    const { apiKey } = await rig.account({ credits: 10 })
    const body = { prompt: `later [[emulate: slow=${slowMs}]]`, modelId }
    const answer = await order(apiKey, body, ['prefer', prefer])
    if (answer.status !== 202) return answer
    const { generationId: id, status } = answer.body
    expect(Object.keys(answer.body).sort()).toEqual(['generationId', 'status'])
    expect(['queued', 'running']).toContain(status)
    expect(answer.headers.location).toBe(`${node.url}/api/v1/generations/${id}`)
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
    expect(answer.headers['x-should-retry']).toBe('false')
    await eventually('the image is there', async () => {
      const native = await fetch(String(answer.headers.location), {
        headers: { authorization: `Bearer ${apiKey}` },
      })
      return ((await native.json()) as { status: string }).status === 'succeeded'
    })
    expect((await get(node.url, apiKey, `/api/v1/images/${id}`)).status).toBe(200)
    return answer
  }

  test('respond-async and wait=0 answer 202 at once', async () => {
    for (const prefer of ['respond-async', 'wait=0', 'respond-async, wait=0', 'Respond-Async', 'wait="0"']) {
      const from = performance.now()
      const answer = await preferring(prefer, 500)
      expect(answer.status, prefer).toBe(202)
      expect(answer.headers['preference-applied'], prefer).toMatch(/^(?:respond-async|wait=0)$/)
      expect(performance.now() - from).toBeGreaterThan(400)
    }
  })

  test('wait=N answers the image within N seconds, else 202 after them', async () => {
    for (const prefer of ['wait=20', 'respond-async, wait=20', 'wait=20, respond-async', 'foo, wait = 20']) {
      const quick = await preferring(prefer, 10)
      expect([quick.status, quick.headers['preference-applied']], prefer).toEqual([200, 'wait=20'])
    }
    const slow = await preferring('wait=1', 6_000)
    expect([slow.status, slow.headers['preference-applied']]).toEqual([202, 'wait=1'])
  })

  test('what is malformed is ignored', async () => {
    for (const prefer of ['wait=-1', 'wait=abc', 'wait=', 'wait', 'respond-synchronously', '']) {
      const answer = await preferring(prefer, 10)
      expect([answer.status, answer.headers['preference-applied']], prefer).toEqual([200, undefined])
    }
  })

  test('handling=lenient changes what the model does not offer, and says what', async () => {
    const { apiKey } = await rig.account({ credits: 10 })
    const wide = { prompt: 'a wide one', modelId, aspectRatio: '21:9' }
    expect((await order(apiKey, wide)).status).toBe(400)
    expect((await order(apiKey, wide, ['prefer', 'handling=strict'])).status).toBe(400)
    const bent = await order(apiKey, wide, ['prefer', 'wait=20, handling=lenient'])
    expect([bent.status, bent.headers['preference-applied']]).toEqual([200, 'wait=20, handling=lenient'])
    expect(imageOf(bent)).toMatchObject({ aspectRatio: '16:9' })
    expect(bent.headers['x-darkroom-warnings']).toContain('The aspect ratio 21:9 is not offered; 16:9')
    const plain = await order(apiKey, { prompt: 'a plain one', modelId }, ['prefer', 'handling=lenient'])
    expect([plain.status, plain.headers['x-darkroom-warnings']]).toEqual([200, undefined])
  })

  test('a replay with respond-async of an open generation is 202 with the same id', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 10 })
    const body = { prompt: 'still open', modelId }
    const resume = rig.openai.pause()
    const headers = [...keyed('open'), 'prefer', 'respond-async']
    const first = await order(apiKey, body, headers)
    const again = await Promise.all(Array.from({ length: 5 }, () => order(apiKey, body, headers)))
    for (const answer of again) {
      expect([answer.status, isReplay(answer)]).toEqual([202, true])
      expect(answer.body.generationId).toBe(first.body.generationId)
    }
    const attaching = order(apiKey, body, keyed('open'))
    resume()
    const attached = await attaching
    expect([attached.status, imageOf(attached).id]).toEqual([200, first.body.generationId])
    expect(callsOf('still open')).toBe(1)
    expect(await rig.balance(accountId)).toBe(5)
  })
})

test('any caller that sends headers of retrying SDKs without a key gets a generation of its own', async () => {
  const { apiKey, accountId } = await rig.account({ credits: 10 })
  const body = { prompt: 'stainless', modelId }
  const headers = withKey(apiKey, 'x-stainless-retry-count', '1')
  const path = '/api/v1/images/generate'
  const send = () => judge(node.url, { method: 'POST', path, headers, body: JSON.stringify(body) })
  const ids = [imageOf(await send()).id, imageOf(await send()).id]
  expect(new Set(ids).size).toBe(2)
  expect(await rig.balance(accountId)).toBe(0)
})
