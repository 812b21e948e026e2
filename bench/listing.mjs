// Reading stays flat: one account with a thousand generations and one with a million, asked in turns in one run.
// Prints the p50 and p99 of each case for both, and the ratio of the p99 (median of the rounds).
// Usage: node bench/listing.mjs [--few N] [--many N] [--rounds N] [--requests N]
import { randomInt } from 'node:crypto'
import { Agent, request } from 'node:http'
import pg from 'pg'
import { option, startDarkroom, startUpstream } from './rig.mjs'
import { median, percentile, report } from './rows.mjs'
import { seedGenerations } from './seed.mjs'

const few = option('few', 1000)
const many = option('many', 1_000_000)
const rounds = option('rounds', 5)
/** Of each case, account and round. */
const requests = option('requests', 1000)
const atOnce = 4
const maxRatio = 2

const upstream = await startUpstream({ latencyMs: 0, pictureBytes: null })
const darkroom = await startDarkroom({ database: 'postgres', upstream, settings: { LOG_LEVEL: 'warn' } })
const accounts = [
  { count: few, ...(await darkroom.createAccount('few@example.com')) },
  { count: many, ...(await darkroom.createAccount('many@example.com')) },
]
const seedingAt = performance.now()
await seedGenerations(darkroom.databaseAdminUrl, accounts)
console.log(
  `seeded ${few} and ${many} generations in ${((performance.now() - seedingAt) / 1000).toFixed(0)} s`,
)
for (const account of accounts) account.ids = await findIds(account.accountId)

const images = '/api/v1/images'
const cases = [
  { name: 'first page of 20', path: () => `${images}?limit=20`, isTarget: true },
  { name: 'first page of 100', path: () => `${images}?limit=100` },
  { name: 'page in the middle', path: ({ count }) => `${images}?limit=20&offset=${count / 2}` },
  { name: 'last page', path: ({ count }) => `${images}?limit=20&offset=${count - 20}` },
  {
    name: 'one image, metadata',
    path: ({ ids }) => `${images}/${ids[randomInt(ids.length)]}?format=metadata`,
  },
  { name: 'first page of usage', path: () => '/api/v1/usage?limit=20' },
  { name: 'usage in the middle', path: ({ count }) => `/api/v1/usage?limit=20&offset=${count / 2}` },
]
const agent = new Agent({ keepAlive: true, maxSockets: atOnce })

for (const each of cases) await measure(each, requests)
const seen = cases.map(each => ({ ...each, rounds: [] }))
for (let round = 1; round <= rounds; round += 1) {
  for (const each of seen) each.rounds.push(await measure(each, requests))
}

const rows = seen.map(({ name, isTarget, rounds: measured }) => {
  const p50 = [0, 1].map(at => median(measured.map(latencies => percentile(latencies[at], 0.5))))
  const p99 = [0, 1].map(at => median(measured.map(latencies => percentile(latencies[at], 0.99))))
  const ratio = median(measured.map(([low, high]) => percentile(high, 0.99) / percentile(low, 0.99)))
  const show = values => values.map(each => each.toFixed(2)).join(' and ')
  console.log(`${name.padEnd(20)} p50 ${show(p50)} ms, p99 ${show(p99)} ms, ratio of p99 ${ratio.toFixed(2)}`)
  return {
    what: `p99 of ${name}, ${many.toLocaleString('en')} generations against ${few.toLocaleString('en')}`,
    target: isTarget ? `≤ ${maxRatio}×` : '',
    measured: `${ratio.toFixed(2)}× (${p99.map(each => each.toFixed(1)).join(' → ')} ms)`,
    isMet: isTarget ? ratio <= maxRatio : null,
    command: 'node bench/listing.mjs',
  }
})
agent.destroy()
await darkroom.stop()
await upstream.stop()
report('listing', rows)

/** Latencies of both accounts, asked in turns so that whatever else the machine does meets both alike. */
async function measure({ path }, count) {
  const latencies = [[], []]
  let next = 0
  async function caller() {
    while (next < count * 2) {
      const at = next % 2
      next += 1
      latencies[at].push(await ask(path(accounts[at]), accounts[at].apiKey))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, caller))
  return latencies
}

function ask(path, key) {
  return new Promise((resolve, reject) => {
    const beganAt = performance.now()
    const headers = { authorization: `Bearer ${key}` }
    const call = request(`${darkroom.url}${path}`, { agent, headers }, answer => {
      answer.resume()
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(performance.now() - beganAt)
        else reject(new Error(`${path} answered ${answer.statusCode}`))
      })
      answer.on('error', reject)
    })
    call.on('error', reject)
    call.end()
  })
}

async function findIds(accountId) {
  const client = new pg.Client({ connectionString: darkroom.databaseUrl })
  await client.connect()
  const text = 'SELECT id FROM generation WHERE account_id = $1 ORDER BY random() LIMIT 1000'
  const { rows: found } = await client.query(text, [accountId])
  await client.end()
  return found.map(each => each.id)
}
