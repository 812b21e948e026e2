// Calls of every end laid beside their upstream's bill: what was booked and what is known of a call must be found by its
// id and by its day, also when it failed and when it was one part of several.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BillQuestion, compareBill } from '../../src/books/bill.ts'
import { leaveMidnight } from '../money.ts'
import { type CrashRig, calm, createCrashRig, eventually, isEnded, type Node, order } from './crash-rig.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

let program: BuiltProgram
let rig: CrashRig
let node: Node
let account: { accountId: string; apiKey: string }

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file, latencyMs: 5 })
  await leaveMidnight(rig.database.ownerDb)
  node = await rig.start(calm)
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
  expect(await rig?.violations()).toEqual([])
  await rig?.close()
  program?.remove()
})

const model = 'google:gemini-3-pro-image-preview'
const pictureUsdMicro = 134_000

async function make(key: string, { n = 1, directives = 'no_usage' } = {}) {
  const prompt = `${key} [[emulate: ${directives}]]`
  await order(node, { apiKey: account.apiKey, key, model, prompt, native: true, n })
  const find = async () => (await rig.fates(account.accountId, key))[0]
  await eventually(`${key} ends`, async () => isEnded(await find()))
  const fate = await find()
  if (!fate) throw new Error(`${key} is gone`)
  return fate
}

type Line = { id: string; usdMicro: number }

/** What the upstream would bill for the calls of these orders. */
function listLines(ids: string[]): Line[] {
  return rig.google.requests
    .filter(({ attempt, prompt }) => prompt !== null && ids.some(id => attempt.startsWith(`${id}/`)))
    .map(({ fields }) => {
      return { id: (fields as { responseId: string }).responseId, usdMicro: pictureUsdMicro }
    })
}

function compare(lines: Line[], change: Partial<BillQuestion> = {}) {
  const time = new Date().toISOString()
  const text = ['id,time,amount', ...lines.map(({ id, usdMicro }) => `${id},${time},${usdMicro}`)].join('\n')
  const question: BillQuestion = {
    ...{ provider: 'google', columns: {}, unit: 'usd-micro', separator: ',', byDay: false },
    ...{ since: null, until: null, toleranceUsdMicro: 0, limit: 10 },
  }
  async function* whole() {
    yield text
  }
  return compareBill(rig.database.db, { ...question, ...change }, whole())
}

test('a failed call and every part of an order are found on the bill, by id and by day', async () => {
  rig.google.script({ behaviour: 'half_base64, no_usage', prompt: 'three-of-which', times: 1 })
  const partial = await make('three-of-which', { n: 3 })
  expect(partial).toMatchObject({ state: 'succeeded', lossUsdMicro: pictureUsdMicro, billed: 3 })
  const failed = await make('alone', { directives: 'no_usage, half_base64' })
  expect(failed).toMatchObject({ state: 'failed', lossUsdMicro: pictureUsdMicro, billed: 1 })
  const refused = await make('refused', { directives: 'no_usage, finish=IMAGE_SAFETY' })
  expect(refused).toMatchObject({ state: 'blocked', lossUsdMicro: pictureUsdMicro, billed: 1 })
  const lines = listLines([partial.id, failed.id, refused.id])
  expect(lines).toHaveLength(5)
  expect(await compare(lines)).toMatchObject({
    by: 'request',
    matched: { count: 5, totalUsdMicro: 5 * pictureUsdMicro },
    unknownToUs: { count: 0 },
    notBilled: { count: 0 },
    differing: { count: 0 },
  })
  expect(await compare(lines, { byDay: true })).toMatchObject({ by: 'day', differing: { count: 0 } })
})

/** As the vendor's price list has it for this model, in micro-USD for a token. */
const prices = { read: 2, thought: 12, drawn: 120 }

test('a call that tells its tokens costs them, whether it was delivered or refused', async () => {
  const drawn = await make('drawn', { n: 2, directives: 'drafts=2' })
  const refused = await make('refused-late', { directives: 'finish=IMAGE_PROHIBITED_CONTENT' })
  const costOf = (id: string, more: number) =>
    rig.google.requests
      .filter(({ attempt, prompt }) => prompt !== null && attempt.startsWith(`${id}/`))
      .map(({ prompt, fields }) => {
        const read = Math.ceil((prompt ?? '').length / 4) * prices.read
        return { id: (fields as { responseId: string }).responseId, usdMicro: read + more }
      })
  const lines = [
    ...costOf(drawn.id, 240 * prices.thought + 1_120 * prices.drawn),
    ...costOf(refused.id, 240 * prices.thought),
  ]
  expect(drawn).toMatchObject({ state: 'succeeded', lossUsdMicro: 0, captured: drawn.price })
  expect(refused).toMatchObject({ state: 'blocked', captured: 0, lossUsdMicro: lines[2]?.usdMicro })
  const text = `SELECT sum(cost_usd_micro)::int AS cost, min(usage ->> 'thinkingTokens') AS thought
    FROM attempt WHERE generation_id = $1`
  const [kept] = await rig.database.db.query({ name: 'test_tokens', text }, [refused.id])
  expect(kept).toEqual({ cost: refused.lossUsdMicro, thought: '240' })
  const report = await compare(lines)
  expect(report).toMatchObject({ matched: { count: 3 }, unknownToUs: { count: 0 } })
  expect(report).toMatchObject({ differing: { count: 0 } })
})
