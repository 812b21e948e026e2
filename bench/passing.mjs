// What a large picture costs in memory while it passes: a PNG of 20 MB through each API, several at once, with the
// peak of the service's resident memory over what it had before, for each picture. An answer that holds the picture
// as text may need less than three times its size, one that names it by address less than 8 MB.
// Keeps the pictures in a folder, in a bucket of a store that it starts for this, or where STORAGE_URL of this process
// says.
// Usage: node bench/passing.mjs [--storage bucket] [--at-once N] [--rounds N] [--bytes N] [--only NAME]
import { request } from 'node:http'
import { startBucket } from './bucket.mjs'
import { residentBytes } from './processes.mjs'
import { option, startDarkroom, startUpstream, textOption } from './rig.mjs'
import { median, report } from './rows.mjs'

const atOnce = option('at-once', 4)
const rounds = option('rounds', 3)
const pictureBytes = option('bytes', 20_000_000)
const mebibyte = 1024 * 1024
const maxInlineRatio = 3
const maxByAddressBytes = 8 * mebibyte
const sampleEveryMs = 5
/** Time for the collector to come round. */
const restMs = 2_000
/** Small pictures before the large ones, so that what is measured is theirs and not that of the code, the store's too. */
const warmUps = 100
const pollEveryMs = 100
const prompt = 'a lighthouse at dusk'

const image = {
  inline: true,
  path: '/getimages/api/v1/images/generate',
  body: { modelId: 'openai:gpt-image-2', prompt },
}
const cases = [
  { name: 'Get Images', ...image },
  {
    name: 'OpenAI',
    inline: true,
    path: '/openai/v1/images/generations',
    body: { model: 'gpt-image-2', prompt },
  },
  { name: 'native', path: '/api/v1/generations', body: { model: 'gpt-image-2', prompt }, prefer: 'wait=120' },
  {
    name: 'gptimage2',
    path: '/gptimage2/api/v1/generate',
    body: { prompt },
    poll: ({ generationId }) => `/gptimage2/api/v1/generations/${generationId}`,
  },
  {
    name: 'imgeo',
    path: '/imgeo/api/v1/generate',
    body: { model: 'google/nano-banana', prompt: `${prompt} [[emulate: png]]` },
    small: 'other_size',
  },
  {
    name: 'getimg',
    path: '/getimg/v2/images/generations',
    body: { model: 'gpt-image-2', prompt, output_format: 'png' },
  },
  { name: 'a file by its link', link: 'url' },
  // A copy is made when it is first opened: that is work on the whole picture, and has no target.
  { name: 'a PNG copy by its link, made for the first time', link: 'png', hasNoTarget: true },
  { name: 'a WebP copy by its link, made for the first time', link: 'webp', hasNoTarget: true },
]

const names = ['STORAGE_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']
const given = Object.fromEntries(
  names.flatMap(name => (process.env[name] ? [[name, process.env[name]]] : [])),
)
const bucket = textOption('storage', 'folder') === 'bucket' ? await startBucket() : null
const kept = bucket?.settings ?? given
const place = bucket ? 'a bucket' : kept.STORAGE_URL ? 'where STORAGE_URL says' : 'a folder'
const flags = [bucket ? ' --storage bucket' : '', atOnce === 4 ? '' : ` --at-once ${atOnce}`].join('')
const show = bytes => `${(bytes / mebibyte).toFixed(1)} MB`

const rows = []
const only = textOption('only', null)
for (const each of cases.filter(({ name }) => only === null || name === only)) {
  const seen = []
  // A process of its own for each round: memory that was needed once is seldom given back.
  for (let round = 1; round <= rounds; round += 1) seen.push(await once(each))
  const extra = median(seen)
  const most = each.inline ? maxInlineRatio * pictureBytes : maxByAddressBytes
  rows.push({
    what: `memory for each of ${atOnce} pictures of ${pictureBytes / 1e6} MB that pass at once, ${each.name}, kept in ${place}`,
    target: each.hasNoTarget
      ? '–'
      : each.inline
        ? `< ${maxInlineRatio}× the picture`
        : `< ${show(maxByAddressBytes)}`,
    measured: `${show(extra)}${each.inline ? ` (${(extra / pictureBytes).toFixed(2)}×)` : ''}, rounds ${seen.map(show).join(', ')}`,
    isMet: each.hasNoTarget ? null : extra < most,
    command: `node bench/passing.mjs${flags}`,
  })
  console.log(JSON.stringify(rows.at(-1)))
}
await bucket?.stop()
report('passing', rows)

/** What each of the pictures added to a process that had served small ones. */
async function once(each) {
  const upstream = await startUpstream({ latencyMs: 0, pictureBytes })
  const settings = { LOG_LEVEL: 'warn', PLANS: 'free', ...kept }
  const darkroom = await startDarkroom({ database: 'postgres', upstream, settings })
  try {
    const small = {
      ...each,
      body: { ...each.body, prompt: `${prompt} [[emulate: ${each.small ?? 'tiny_picture'}]]` },
    }
    const links = each.link ? await findLinks(darkroom, each.link) : []
    for (let at = 0; at <= warmUps && !each.link; at += 1) check(each, await pass(darkroom, small))
    return await measure(darkroom, each, links)
  } finally {
    await darkroom.stop()
    await upstream.stop()
  }
}

function check({ name }, { status, text }) {
  if (status >= 300) throw new Error(`${name} answered ${status}: ${text}`)
}

/** The peak of all of them together, shared among them. */
async function measure(darkroom, each, links) {
  await new Promise(resolve => setTimeout(resolve, restMs))
  const before = residentBytes(darkroom.pid)
  let peak = before
  const sampling = setInterval(() => {
    peak = Math.max(peak, residentBytes(darkroom.pid))
  }, sampleEveryMs)
  const answers = await Promise.all(
    Array.from({ length: atOnce }, (_, at) =>
      each.link ? call(darkroom, links[at], {}) : pass(darkroom, each),
    ),
  )
  clearInterval(sampling)
  for (const answer of answers) check(each, answer)
  return (peak - before) / atOnce
}

/** One picture from the order to the end of the answer that shows it. */
async function pass(darkroom, { path, body, prefer, poll }) {
  const answer = await call(darkroom, darkroom.url + path, { body, prefer })
  if (!poll || answer.status >= 300) return answer
  for (;;) {
    const shown = await call(darkroom, darkroom.url + poll(JSON.parse(answer.text)), {})
    const { status } = JSON.parse(shown.text)
    if (status === 'succeeded') return shown
    if (status !== 'queued' && status !== 'running') return { status: 599, text: shown.text }
    await new Promise(resolve => setTimeout(resolve, pollEveryMs))
  }
}

/** Of a picture for each of those who open one at once. */
async function findLinks(darkroom, name) {
  const native = cases.find(each => each.name === 'native')
  const links = []
  while (links.length < atOnce) {
    const made = await pass(darkroom, native)
    check(native, made)
    links.push(JSON.parse(made.text).outputs[0][name])
  }
  return links
}

/** Reads the answer and keeps its beginning alone. */
function call(darkroom, url, { body, prefer }) {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${darkroom.apiKey}`,
      'content-type': 'application/json',
      ...(prefer ? { prefer } : {}),
    }
    const sent = request(url, { method: body ? 'POST' : 'GET', headers }, answer => {
      let text = ''
      answer.on('data', chunk => {
        if (text.length < 10_000) text += chunk.toString('latin1')
      })
      answer.on('end', () => resolve({ status: answer.statusCode, text }))
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body ? JSON.stringify(body) : undefined)
  })
}
