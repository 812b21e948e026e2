// The published Postman collection, run by Postman's own runner against the service: at the root and below the mount.
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RunOptions, type RunSummary, run as runCollection } from 'newman'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'

const server = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const folder = join(dirname(server), 'docs', 'postman')
const file = join(folder, 'darkroom-gptimage2.postman_collection.json')

let rig: Rig
let node: Node

beforeAll(async () => {
  rig = await createRig({ latencyMs: 200 })
  node = await rig.startNode()
})
afterAll(() => rig.close())

function run(collection: RunOptions['collection'], values: Record<string, string>): Promise<RunSummary> {
  const envVar = Object.entries(values).map(([key, value]) => ({ key, value }))
  return new Promise((resolve, reject) => {
    runCollection({ collection, envVar, workingDir: folder }, (error, summary) =>
      error ? reject(error) : resolve(summary),
    )
  })
}

const open = () =>
  rig.account({ credits: 10, plan: 'pro', key: { style: 'gptimage2', rate: null, inFlight: null } })

/** What failed, in words; and how much was looked at. */
function judge({ run: { failures, stats, executions } }: RunSummary) {
  return {
    failures: failures.map(({ source, error }) => `${source?.name}: ${error.message}`),
    tests: stats.assertions.total,
    requests: [...new Set(executions.map(({ item }) => item.name))].length,
  }
}

for (const mount of ['', '/gptimage2']) {
  test(`every request does what its tests say, with the base URL ${mount || 'of the service'}`, async () => {
    const { apiKey, accountId } = await open()
    const judged = judge(await run(file, { baseUrl: node.url + mount, apiKey }))
    expect(judged.failures).toEqual([])
    expect(judged.requests).toBe(15)
    expect(judged.tests).toBeGreaterThanOrEqual(40)
    // One generation, named twice, and one edit.
    expect(await rig.balance(accountId)).toBe(8)
  })
}

test('its tests see a service that is not right', async () => {
  const judged = judge(await run(file, { baseUrl: `${node.url}/nowhere`, apiKey: 'gimg_none' }))
  expect(judged.failures.length).toBeGreaterThan(15)
})

test('the service serves it with its own address', async () => {
  const answer = await fetch(`${node.url}/gptimage2/postman.json`)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'application/json; charset=utf-8',
  ])
  const served = (await answer.json()) as { variable: { key: string; value: string }[] }
  const published = JSON.parse(readFileSync(file, 'utf8')) as typeof served
  const variable = published.variable.map(each =>
    each.key === 'baseUrl' ? { ...each, value: node.url } : each,
  )
  expect(served).toEqual({ ...published, variable })
  const { apiKey } = await open()
  expect(judge(await run(served, { apiKey })).failures).toEqual([])
})

test('the picture has the length that the collection announces', () => {
  expect(readFileSync(file, 'utf8')).toContain(`\\"size\\": ${statSync(join(folder, 'house.png')).size}`)
})
