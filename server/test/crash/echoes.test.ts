// M-10, K-2, K-9: upstreams repeat what they are sent, prompts and keys, in every form. None of it reaches the log, and
// in the database a prompt stands on its order alone, so that deleting it there deletes it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultGoogleKey } from '../upstreams/google.ts'
import { defaultOpenAiKey } from '../upstreams/openai.ts'
import { type CrashRig, calm, createCrashRig, eventually, isEnded, type Node, order } from './crash-rig.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

let program: BuiltProgram
let rig: CrashRig
let node: Node
let account: { accountId: string; apiKey: string }
const metricsToken = 'sesame-opens-the-metrics'

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file, latencyMs: 5 })
  node = await rig.start({
    ...calm,
    LOG_LEVEL: 'debug',
    METRICS_TOKEN: metricsToken,
    GENERATION_DEADLINE_ASYNC_S: '300',
  })
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

const said = 'Grandmother Ottilie Brandtner says "hello"\nfrom 7 Lindenallee, under the 红色灯塔在日落时分'
/** Parts of it that no message of ours or of a vendor has by itself, and how they look in JSON of ASCII. */
const tells = ['Ottilie', 'Brandtner', 'Lindenallee', '灯塔在日', '\\u706f\\u5854']
const secrets = [defaultOpenAiKey, defaultGoogleKey, metricsToken]

const openai = 'openai:gpt-image-2'
const google = 'google:gemini-3.1-flash-image-preview'
const tasks = 'engine:tasks'

const cases: { model: string; directives: string; fails?: boolean }[] = [
  ...['echo=400', 'echo=500', 'echo=200', 'echo_text=400', 'echo_text=502', 'echo=429'].flatMap(
    directives => [
      { model: openai, directives, fails: true },
      { model: google, directives, fails: true },
    ],
  ),
  { model: openai, directives: 'leaky_error', fails: true },
  { model: openai, directives: 'wrong_key', fails: true },
  { model: google, directives: 'wrong_key', fails: true },
  { model: openai, directives: 'moderation_output', fails: true },
  { model: tasks, directives: 'words=no:', fails: true },
  { model: tasks, directives: 'echo_poll=2' },
  { model: tasks, directives: 'lose', fails: true },
  { model: tasks, directives: '' },
  { model: openai, directives: '' },
]

async function place(key: string, { model, prompt }: { model: string; prompt: string }): Promise<void> {
  await order(node, { apiKey: account.apiKey, key, model, prompt, native: true })
}

async function endOf(key: string) {
  const find = async () => (await rig.fates(account.accountId, key))[0]
  await eventually(`${key} ends`, async () => isEnded(await find()))
  return find()
}

/** Every row of every table as JSON; of orders, what is left when their prompt is taken away. */
async function dump(): Promise<Map<string, string>> {
  const { db } = rig.database
  const tables = await db.query<{ name: string }>(
    { name: 'test_tables', text: `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'` },
    [],
  )
  const texts = tables.map(async ({ name }) => {
    const without = name === 'generation' ? `- 'prompt' - 'options' - 'echo'` : ''
    const rows = await rig.database.ownerDb.query<{ row: unknown }>(
      { name: `test_dump_${name}`, text: `SELECT to_jsonb(t) ${without} AS row FROM "${name}" t` },
      [],
    )
    return [name, JSON.stringify(rows.map(({ row }) => row))] as const
  })
  return new Map(await Promise.all(texts))
}

test('no log line and no row but the order itself keeps a prompt, whatever an upstream repeats', async () => {
  const keyOf = (at: number) => `echo-${at}`
  await Promise.all(
    cases.map(({ model, directives }, at) =>
      place(keyOf(at), { model, prompt: `${said} [[emulate: ${directives}]] ${at}` }),
    ),
  )
  for (const [at, { directives, model, fails }] of cases.entries()) {
    const state = (await endOf(keyOf(at)))?.state
    expect(state === 'succeeded', `${model} ${directives}: ${state}`).toBe(!fails)
  }
  const log = node.output.join('\n')
  const tables = await dump()
  const attempts = tables.get('attempt') ?? ''
  // The search can find: what was said around the copies is there.
  expect(log).toContain('attempt.ended')
  expect(attempts).toContain('[prompt]')
  expect(log).toContain('[prompt]')
  for (const tell of [...tells, ...secrets]) {
    expect(log.includes(tell), `the log tells ${tell}`).toBe(false)
    for (const [name, text] of tables) expect(text.includes(tell), `${name} tells ${tell}`).toBe(false)
  }
})

test('a key of this installation is cut out, also of the words of an upstream that has none of its own', async () => {
  for (const [at, secret] of secrets.entries()) {
    const name = `a lighthouse that knows number ${at}`
    rig.engine.script({ prompt: name, behaviour: `words=forwarded with ${secret}` })
    await place(`secret-${at}`, { model: tasks, prompt: name })
    expect(await endOf(`secret-${at}`)).toMatchObject({ state: 'failed' })
  }
  const log = node.output.join('\n')
  const attempts = (await dump()).get('attempt') ?? ''
  expect(attempts.split('[secret]').length).toBeGreaterThan(secrets.length)
  for (const secret of secrets) {
    expect(log.includes(secret)).toBe(false)
    expect(attempts.includes(secret)).toBe(false)
  }
})
