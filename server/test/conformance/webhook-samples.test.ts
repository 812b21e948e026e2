// The samples of docs/webhooks.md, taken from the page and run as they stand there, against a delivery that really came.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { type Received, type Receiver, startReceiver } from '../webhook-receiver.ts'
import { call, makeWebhook, orderNative } from '../webhooks.ts'

const server = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const page = readFileSync(join(dirname(server), 'docs', 'webhooks.md'), 'utf8')
const section = page.slice(page.indexOf('## Verify'), page.indexOf('## Answers'))
const samples = [...section.matchAll(/^```(js|python)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
  language,
  text: text ?? '',
}))

let rig: Rig
let node: Node
let receiver: Receiver
/** One delivery under one secret, one under two: the old and the new. */
let single: Received
let double: Received
let oldSecret: string
let newSecret: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  receiver = await startReceiver()
  node = await rig.startNode({ OUTBOUND_ALLOW: receiver.host })
  const { apiKey } = await rig.account({ credits: 100 })
  const { id, secret } = await makeWebhook(node, apiKey, { url: `${receiver.url}/hook` })
  const deliver = async (count: number) => {
    await orderNative(node, apiKey, 'ein Boot bei Nacht 🌙')
    await eventually(`${count} deliveries arrive`, () => receiver.at('/hook').length >= count)
    return receiver.at('/hook')[count - 1] as Received
  }
  oldSecret = secret
  single = await deliver(1)
  const rotated = await call(node, apiKey, { path: `/api/v1/webhooks/${id}/rotate-secret`, body: {} })
  newSecret = String(rotated.body.secret)
  double = await deliver(2)
})
afterAll(async () => {
  await rig.close()
  await receiver.close()
})

type Delivered = Pick<Received, 'headers' | 'body'>

/** Whether a sample accepts a delivery; one that breaks off refuses it. */
function accepts({ language, text }: (typeof samples)[number], { headers, body }: Delivered, secret: string) {
  const node = [
    `const { req, body } = ${JSON.stringify({ req: { headers }, body })}`,
    `const rawBody = Buffer.from(body)\n${text}`,
    "process.stdout.write(typeof ok === 'undefined' ? 'true' : String(ok))",
  ]
  const python = [
    `import json, os, sys\n${text}`,
    `headers, body = json.loads(${JSON.stringify(JSON.stringify([headers, body]))})`,
    "sys.stdout.write(str(verify(os.environ['WEBHOOK_SECRET'], headers, body.encode())).lower())",
  ]
  const [program, line] =
    language === 'python'
      ? ['python3', ['-c', python.join('\n')]]
      : [process.execPath, ['--input-type=module', '-e', node.join('\n')]]
  const ran = spawnSync(program, line as string[], {
    cwd: server,
    env: { PATH: process.env.PATH, WEBHOOK_SECRET: secret },
    encoding: 'utf8',
  })
  if (ran.error) throw new Error(`${program} does not start: it must be installed`, { cause: ran.error })
  return ran.stdout === 'true'
}

/** Signed rightly, ten minutes ago. */
function makeStale({ headers, body }: Delivered, secret: string): Delivered {
  const at = new Date(Date.now() - 600_000)
  const signature = new Webhook(secret).sign(headers['webhook-id'] ?? '', at, body)
  const stamp = String(Math.floor(at.getTime() / 1_000))
  return { headers: { ...headers, 'webhook-timestamp': stamp, 'webhook-signature': signature }, body }
}

test('the page has a sample in Python and one in Node for each signature', () => {
  expect(samples.map(({ language }) => language)).toEqual(['js', 'python', 'js'])
})

test.each([0, 1, 2])('sample %i accepts what was delivered, and nothing that was altered', nth => {
  const sample = samples[nth]
  if (!sample) throw new Error('no sample')
  expect(accepts(sample, single, oldSecret)).toBe(true)
  expect(accepts(sample, { ...single, body: single.body.replace('succeeded', 'succeedod') }, oldSecret)).toBe(
    false,
  )
  expect(accepts(sample, single, newSecret)).toBe(false)
  // While a secret is replaced the old one serves on.
  expect(accepts(sample, double, oldSecret)).toBe(true)
})

test.each([0, 1])('sample %i knows both secrets while one is replaced, and refuses what is old', nth => {
  const sample = samples[nth]
  if (!sample) throw new Error('no sample')
  expect(accepts(sample, double, newSecret)).toBe(true)
  expect(accepts(sample, makeStale(single, oldSecret), oldSecret)).toBe(false)
})

/** As the gptimage2 contract prints it, comments and all. */
const printed = {
  language: 'js',
  text: `// Node example
import crypto from "crypto";
const expected = crypto
  .createHmac("sha256", process.env.WEBHOOK_SECRET)
  .update(rawBody)
  .digest("hex");
const ok = crypto.timingSafeEqual(
  Buffer.from(expected),
  Buffer.from(req.headers["x-gptimg-signature"])
);
`,
}

test('the sample that gptimage2 prints for its customers accepts what was delivered, and nothing that was altered', () => {
  expect(accepts(printed, single, oldSecret)).toBe(true)
  expect(accepts(printed, single, newSecret)).toBe(false)
  const altered = { ...single, body: single.body.replace('succeeded', 'succeedod') }
  expect(accepts(printed, altered, oldSecret)).toBe(false)
})
