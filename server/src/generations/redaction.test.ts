// Whatever an upstream does to a prompt or a key before it repeats them, no long piece of either is left.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cpuMsOf } from '../../test/cpu-time.ts'
import { noOptions } from '../models/options.ts'
import { noUsage, type ProviderOutcome } from '../providers/provider.ts'
import { StorageError } from '../storage/storage.ts'
import { callUpstream, createRedact, toStorableText } from './redaction.ts'

const key = 'sk-proj-q7W_x2Pz9-LmN4vB8sT1kR6yU3hG5dF0aJ'
const redact = createRedact([key, 'short9', 'tiny', ''])

function sent(prompt: string, options: { negativePrompt?: string; style?: string } = {}) {
  return { prompt, options: { ...noOptions, ...options } }
}

const prompt =
  'My neighbour Zoë "Zed" Müller,\n12 Elm Street, holding a sign: <b>call 555-0199 & ask</b> — 红色灯塔在日落时分'

/** How answers carry what they repeat. */
const encodings: Record<string, (text: string) => string> = {
  plain: text => text,
  json: text => JSON.stringify(text),
  'json in json': text => JSON.stringify(JSON.stringify(text)),
  'json three deep': text => JSON.stringify(JSON.stringify(JSON.stringify(text))),
  'ascii json': text =>
    JSON.stringify(text).replace(
      /[^\x20-\x7e]/g,
      unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  'python repr': text => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`,
  url: encodeURIComponent,
  form: text => new URLSearchParams({ prompt: text }).toString(),
  html: text => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
  'html numbers': text => [...text].map(each => `&#${each.codePointAt(0)};`).join(''),
  'one line': text => text.replace(/\s+/g, ' '),
  'without marks': text => text.replace(/<[^>]*>/g, ' '),
  decomposed: text => text.normalize('NFD'),
  'upper case': text => text.toUpperCase(),
}

describe.each(Object.keys(encodings))('%s', name => {
  const encode = encodings[name] ?? String

  test('a prompt is cut out whole, and what stands around it stays', () => {
    const message = `Refused: ${encode(prompt)} (request 4711)`
    expect(redact(message, sent(prompt))).toMatch(/^Refused: .{0,12}\[prompt\].{0,8} \(request 4711\)$/)
  })

  test('a piece of a prompt is cut out', () => {
    const piece = prompt.slice(8, 62)
    const cleaned = redact(`Your prompt says ${encode(piece)}.`, sent(prompt))
    expect(cleaned).toMatch(/^Your prompt says .{0,12}\[prompt\].{0,12}$/)
  })

  test('a key is cut out, whole or in part', () => {
    expect(redact(`Bad key ${encode(key)}!`, sent('x'))).toMatch(/^Bad key .{0,20}\[secret\].{0,20}!$/)
    const part = redact(`Bad key ${encode(key.slice(9, 30))}!`, sent('x'))
    expect(part).toContain('[secret]')
    expect(part).not.toContain(key.slice(12, 20))
  })
})

test('no run of twelve letters of any prompt is left, whatever surrounds it', () => {
  const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  const text = fc.array(word, { maxLength: 12 }).map(words => words.join(' '))
  const names = fc.constantFrom(...Object.keys(encodings).filter(name => !name.startsWith('without')))
  const letters = (given: string) => given.toLowerCase().replace(/[^a-z0-9]/g, '')
  fc.assert(
    fc.property(text, text, names, fc.nat(40), (said, around, name, skip) => {
      const body = `${said} a harbour full of 37 paper boats ${said}`
      const piece = [...body].slice(skip).join('')
      const encoded = encodings[name]?.(piece) ?? ''
      const cleaned = letters(
        redact(`${around} ${encoded} ${around}`, sent(body)).replaceAll('[prompt]', ' '),
      )
      for (const run of ['fullof37paperboats', 'harbourfullof37'].filter(each =>
        letters(piece).includes(each),
      ))
        expect(cleaned).not.toContain(run)
    }),
    { numRuns: 500 },
  )
})

test('negative prompt and style are cut out as well', () => {
  const said = sent('a boat', {
    negativePrompt: 'no watermark of Grunewald GmbH',
    style: 'like aunt Mathilda paints',
  })
  const cleaned = redact('refused: "no watermark of Grunewald GmbH", Style: like aunt Mathilda paints', said)
  expect(cleaned).toBe('refused: "[prompt]", Style: [prompt]')
})

test("a short prompt is cut out as a whole word, and the upstream's own words stay", () => {
  expect(redact('bad prompt "cats": category catsuit', sent('cats'))).toBe(
    'bad prompt "[prompt]": category catsuit',
  )
  expect(redact('the\\ncats\\nsat', sent('cats'))).toBe('the\\n[prompt]\\nsat')
  expect(redact('a model error', sent('a'))).toBe('a model error')
  expect(redact('用户输入：红猫。', sent('红猫'))).toBe('用户输入：[prompt]。')
})

test('short secrets go wherever they stand, and trifles do not take the text apart', () => {
  expect(redact('token=xshort9x, tiny', sent('x'))).toBe('token=[secret], tiny')
})

test('an ordinary message stays as it is', () => {
  const message =
    "OpenAI answered 400 invalid_request_error: Invalid value: 'huge'. Supported values are: 'low'."
  expect(
    redact(message, sent('a red lighthouse by the sea at sunset, in the style of an old postcard')),
  ).toBe(message)
})

test('a long answer is cleaned in a moment and cut', async () => {
  let text = ''
  const spentMs = await cpuMsOf(() => {
    text = redact(`${JSON.stringify(prompt)} `.repeat(5_000), sent(prompt.repeat(200)))
  })
  expect(spentMs).toBeLessThan(5_000)
  expect(text.length).toBeLessThanOrEqual(4_000)
  expect(text).not.toContain('Elm Street')
})

test('what adapters answer and throw is cleaned, and stays what it is', async () => {
  const work = sent('the secret garden of Queen Ortrud')
  const said = `no: the secret garden of Queen Ortrud, ${key}`
  const failure: ProviderOutcome = {
    kind: 'failed',
    failure: 'invalid_request',
    message: said,
    field: 'prompt',
  }
  expect(await callUpstream({ redact }, work, async () => failure)).toEqual({
    ...failure,
    message: 'no: [prompt], [secret]',
  })
  const success: ProviderOutcome = { kind: 'succeeded', images: [], usage: noUsage, warnings: [said] }
  const answered = await callUpstream({ redact }, work, async () => success)
  expect(answered).toEqual({ ...success, warnings: ['no: [prompt], [secret]'] })
  const cause = new RangeError(said)
  const thrown = await callUpstream({ redact }, work, async () => {
    throw new TypeError(said, { cause })
  }).catch(error => error as TypeError)
  expect(thrown).toBeInstanceOf(TypeError)
  expect(cause.message).toBe('no: [prompt], [secret]')
  expect(`${(thrown as Error).stack} ${cause.stack}`).not.toMatch(/Ortrud|q7W/)
  const aborted = await callUpstream({ redact }, work, async () => {
    throw new DOMException(said, 'AbortError')
  }).catch(error => error as DOMException)
  expect((aborted as DOMException).message).toBe('no: [prompt], [secret]')
  const storage = new StorageError('storage folder /data: the disk is full')
  await expect(callUpstream({ redact }, work, () => Promise.reject(storage))).rejects.toBe(storage)
})

test('what an upstream says can be stored: no NUL, no half of a character, also where it was cut', async () => {
  expect(toStorableText('a\0b', 10)).toBe('a\ufffdb')
  expect(toStorableText('boat \u{1f6a4}', 6)).toBe('boat \ufffd')
  expect(toStorableText('\u{1f6a4} boat', 100)).toBe('\u{1f6a4} boat')
  expect(toStorableText('\udea4x\ud83d', 100)).toBe('\ufffdx\ufffd')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, cut) => {
      const stored = toStorableText(text, cut)
      expect(stored.length).toBeLessThanOrEqual(cut)
      expect(stored).not.toContain('\0')
      expect(() => encodeURIComponent(stored)).not.toThrow()
    }),
  )
  const outcome: ProviderOutcome = { kind: 'failed', failure: 'upstream_failed', message: 'odd\0words' }
  const cleaned = await callUpstream({ redact }, sent('a boat'), () => Promise.resolve(outcome))
  expect(cleaned).toMatchObject({ message: 'odd\ufffdwords' })
})
