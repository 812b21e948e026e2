// The native list: what an account made through every API, page by page, by every filter, and nothing of anybody else.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../src/accounts/keys.ts'
import { createRig, generateImage, type Node, type Rig } from '../harness.ts'
import { createNativeClient, generations, type NativeClient, type Shown } from './native-client.ts'

let rig: Rig
let node: Node
let client: NativeClient

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  client = await createNativeClient(node)
})
afterAll(() => rig.close())

const wait = { prefer: 'wait=20' }
const model = 'openai:gpt-image-2'

type Listed = { generations: Shown[]; nextCursor: string | null }

async function list(apiKey: string, query = ''): Promise<Listed> {
  const answer = await client.call(apiKey, `GET ${generations}${query}`)
  expect([answer.status, answer.body.issues]).toEqual([200, undefined])
  return answer.body as unknown as Listed
}

async function make(apiKey: string, body: object): Promise<Shown> {
  const made = await client.call(apiKey, `POST ${generations}`, { body: { model, ...body }, headers: wait })
  expect([200, 202], JSON.stringify(made.body)).toContain(made.status)
  return made.body
}

const idsOf = ({ generations: shown }: Listed) => shown.map(({ id }) => id)

describe('the list', () => {
  test('shows what every API made, newest first and as a read shows it; of a stranger nothing', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const stranger = await rig.account({ credits: 100 })
    const first = await make(apiKey, { prompt: 'one' })
    const second = await generateImage(node, apiKey, { prompt: 'two' })
    const third = await make(apiKey, { prompt: 'three [[emulate: moderation_output]]' })
    await make(stranger.apiKey, { prompt: 'one' })
    const page = await list(apiKey)
    expect(idsOf(page)).toEqual([third.id, second.body.image?.id, first.id])
    expect(page.nextCursor).toBeNull()
    expect(page.generations.map(({ dialect, status }) => [dialect, status])).toEqual([
      ['native', 'blocked'],
      ['getimages', 'succeeded'],
      ['native', 'succeeded'],
    ])
    for (const shown of page.generations) {
      expect((await client.call(apiKey, `GET ${generations}/${shown.id}`)).body).toEqual(shown)
    }
    await client.call(apiKey, `DELETE ${generations}/${third.id}`)
    expect(idsOf(await list(apiKey))).toEqual([second.body.image?.id, first.id])
  })

  test('comes in pages that join without gap or repeat, whatever is added or deleted meanwhile', async () => {
    const { apiKey } = await rig.account({ credits: 1_000 })
    const made: string[] = []
    for (let n = 0; n < 7; n += 1) made.unshift((await make(apiKey, { prompt: `page ${n}` })).id)
    const seen: string[] = []
    let query = '?limit=3'
    for (let page = 0; page < 3; page += 1) {
      const { generations: shown, nextCursor } = await list(apiKey, query)
      seen.push(...shown.map(({ id }) => id))
      expect(nextCursor === null).toBe(page === 2)
      query = `?limit=3&cursor=${nextCursor}`
      await make(apiKey, { prompt: 'newer' })
      // The place of a cursor does not depend on the row that was there.
      if (page === 0) await client.call(apiKey, `DELETE ${generations}/${seen.at(-1)}`)
    }
    expect(seen).toEqual(made)
  })

  test('keeps each filter, alone and together', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 1_000 })
    const other = await rig.database.db.transaction(tx =>
      createKey({ tx, now: () => new Date() }, { accountId, rate: 'off' }),
    )
    const fox = await make(apiKey, { prompt: 'A red FOX, 100% real', tags: ['animals', 'red'] })
    const child = await make(other.apiKey, {
      ...{
        model: 'google:gemini-2.5-flash-image',
        prompt: 'a fox_at night',
        parentId: fox.id,
        tags: ['animals'],
      },
    })
    const failed = await make(apiKey, { prompt: 'a mill [[emulate: no_data]]' })
    const shown = await generateImage(node, apiKey, { prompt: 'a boat' })
    const boat = shown.body.image?.id ?? ''
    const at = (await client.call(apiKey, `GET ${generations}/${child.id}`)).body.createdAt
    const cases: [string, string[]][] = [
      ['model=google:gemini-2.5-flash-image', [child.id]],
      ['status=succeeded', [boat, child.id, fox.id]],
      [`status=${failed.status}`, [failed.id]],
      ['status=queued', []],
      ['dialect=getimages', [boat]],
      ['dialect=imgeo', []],
      [`key=${other.keyId}`, [child.id]],
      [`createdFrom=${at}`, [boat, failed.id, child.id]],
      [`createdTo=${at}`, [fox.id]],
      ['q=fox', [child.id, fox.id]],
      ['q=%20Fox%2C%20', [fox.id]],
      ['q=100%25', [fox.id]],
      ['q=%25%25%25%25', []],
      ['q=fox_', [child.id]],
      ['q=%5C', []],
      ['tag=animals', [child.id, fox.id]],
      ['tag=red', [fox.id]],
      ['tag=Red', []],
      [`parentId=${fox.id}`, [child.id]],
      [`parentId=${child.id}`, []],
      ['tag=animals&q=night&status=succeeded', [child.id]],
      [`parentId=${fox.id}&tag=red`, []],
      [`tag=animals&createdTo=${at}`, [fox.id]],
    ]
    for (const [query, ids] of cases) expect(idsOf(await list(apiKey, `?${query}`)), query).toEqual(ids)
    const tagged = await list(apiKey, '?tag=animals&limit=1')
    expect(idsOf(tagged)).toEqual([child.id])
    expect(idsOf(await list(apiKey, `?tag=animals&limit=1&cursor=${tagged.nextCursor}`))).toEqual([fox.id])
    await client.call(apiKey, `DELETE ${generations}/${fox.id}`)
    expect(idsOf(await list(apiKey, '?tag=animals'))).toEqual([child.id])
    expect(idsOf(await list(apiKey, '?q=fox'))).toEqual([child.id])
    const stranger = await rig.account({ credits: 0 })
    for (const query of ['tag=animals', `parentId=${fox.id}`, `key=${other.keyId}`, 'q=fox'])
      expect(idsOf(await list(stranger.apiKey, `?${query}`)), query).toEqual([])
  })

  test('refuses what it does not know by its name, and shows the window on every answer', async () => {
    const { apiKey } = await rig.account({ credits: 0, key: { rate: null } })
    const cases: [string, string][] = [
      ['limit=0', 'limit'],
      ['limit=101', 'limit'],
      ['limit=1e9', 'limit'],
      ['limit=-1', 'limit'],
      ['limit=', 'limit'],
      ['limit=5&limit=6', 'limit'],
      ['cursor=nonsense', 'cursor'],
      ['cursor=', 'cursor'],
      ['offset=0', 'offset'],
      ['__proto__=0', '__proto__'],
      ['status=done', 'status'],
      ['dialect=dalle', 'dialect'],
      ['key=mine', 'key'],
      ['createdFrom=yesterday', 'createdFrom'],
      ['createdFrom=2026-01-01', 'createdFrom'],
      ['createdFrom=2026-01-02T00:00:00Z&createdTo=2026-01-01T00:00:00Z', 'createdFrom'],
      ['q=', 'q'],
      [`q=${'x'.repeat(201)}`, 'q'],
      ['tag=', 'tag'],
      ['q=%00', 'q'],
      ['tag=a%00b', 'tag'],
      ['model=%00', 'model'],
      ['parentId=1', 'parentId'],
    ]
    for (const [query, path] of cases) {
      const { status, body, headers } = await client.call(apiKey, `GET ${generations}?${query}`)
      expect([status, body.code, headers.get('x-ratelimit-limit')], query).toEqual([
        400,
        'invalid_request',
        '600',
      ])
      expect(
        body.issues?.map(issue => issue.path),
        query,
      ).toContain(path)
    }
    for (const [from, to] of [
      ['0000-01-01T00:00:00%2B23:59', '9999-12-31T23:59:59-23:59'],
      ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z'],
    ]) {
      const widest = await client.call(apiKey, `GET ${generations}?createdFrom=${from}&createdTo=${to}`)
      expect(widest.status).toBe(200)
    }
    // Halves of characters, which the framework leaves as they were written.
    expect((await client.call(apiKey, `GET ${generations}?q=%ed%a0%80%ff`)).status).toBe(200)
    expect((await client.call('dr_none', `GET ${generations}`)).status).toBe(401)
    const maker = await rig.account({ credits: 0, key: { scopes: ['generate'] } })
    expect((await client.call(maker.apiKey, `GET ${generations}`)).status).toBe(403)
  })
})

describe('what an order says about itself', () => {
  test('is shown again, and is part of what a repeat must repeat', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const parent = await make(apiKey, { prompt: 'a parent' })
    expect(parent).toMatchObject({ metadata: {}, tags: [], parentId: null })
    const body = {
      ...{ model, prompt: 'a child', parentId: parent.id, tags: ['b', 'a'] },
      metadata: { order: '17', ключ: '', constructor: 'x' },
    }
    const headers = { ...wait, 'idempotency-key': 'labels' }
    const made = await client.call(apiKey, `POST ${generations}`, { body, headers })
    const { metadata, tags, parentId } = body
    expect(made.body).toMatchObject({ metadata, tags, parentId })
    await client.call(apiKey, `DELETE ${generations}/${parent.id}`)
    const again = await client.call(apiKey, `POST ${generations}`, { body, headers })
    expect([again.status, again.body.id, again.headers.get('idempotent-replayed')]).toEqual([
      200,
      made.body.id,
      'true',
    ])
    for (const change of [{ metadata: { order: '18' } }, { tags: ['a', 'b'] }, { parentId: undefined }]) {
      const other = await client.call(apiKey, `POST ${generations}`, {
        body: { ...body, ...change },
        headers,
      })
      expect([other.status, other.body.code], JSON.stringify(change)).toEqual([422, 'idempotency_key_reused'])
    }
  })

  test('is refused by name when it is too much or names what is not there', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const stranger = await rig.account({ credits: 100 })
    const foreign = await make(stranger.apiKey, { prompt: 'not yours' })
    const many = (count: number) => Array.from({ length: count }, (_, n) => `${n}`)
    const cases: [object, string][] = [
      [{ metadata: Object.fromEntries(many(17).map(each => [each, each])) }, 'metadata'],
      [{ metadata: { ['k'.repeat(65)]: 'x' } }, `metadata.${'k'.repeat(65)}`],
      [{ metadata: { '': 'x' } }, 'metadata.'],
      [{ metadata: { k: 'v'.repeat(513) } }, 'metadata.k'],
      [{ metadata: { k: 1 } }, 'metadata.k'],
      [{ metadata: ['x'] }, 'metadata'],
      [{ metadata: { ['__proto__']: 'x' } }, 'metadata.__proto__'],
      [{ ['__proto__']: 'x' }, 'body'],
      [{ tags: many(17) }, 'tags'],
      [{ tags: ['t'.repeat(65)] }, 'tags.0'],
      [{ tags: ['x', ' '] }, 'tags.1'],
      [{ tags: ['x', 'x'] }, 'tags'],
      [{ parentId: 'x' }, 'parentId'],
      [{ parentId: foreign.id }, 'parentId'],
      [{ parentId: '01890000-0000-7000-8000-000000000000' }, 'parentId'],
      [{ partialImages: 4 }, 'partialImages'],
    ]
    for (const [change, path] of cases) {
      for (const target of [generations, `${generations}/quote`]) {
        const { status, body } = await client.call(apiKey, `POST ${target}`, {
          body: { model, prompt: 'x', ...change },
        })
        expect(status, JSON.stringify(change)).toBe(400)
        expect(
          body.issues?.map(issue => issue.path),
          JSON.stringify(change),
        ).toContain(path)
      }
    }
    expect(await rig.balance(accountId)).toBe(100)
  })
})
