// Guards what may never reach a log.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyStyles, newSecret } from './accounts/secret.ts'
import { newRequestId } from './ids.ts'
import { createLog, REDACTED } from './log.ts'

function captureLog(logPrompts = false) {
  const lines: string[] = []
  const log = createLog({ level: 'debug', logPrompts, destination: { write: line => void lines.push(line) } })
  return { log, lines, first: () => JSON.parse(lines[0] ?? '{}') as Record<string, unknown> }
}

const secrets = [
  ...keyStyles.map(style => newSecret(style)),
  'sk-proj-abcDEF0123456789_-abcdef',
  'AIzaSyA0123456789abcdefghijklmnopqrstuv',
  'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  'sk_test_51Habcdefghijklmnop',
]

test('a secret is cut out of a line wherever it stands', () => {
  fc.assert(
    fc.property(fc.constantFrom(...secrets), fc.string(), fc.nat(5), (secret, around, place) => {
      const { log, lines } = captureLog()
      const text = `${around} ${secret} ${around}`
      const fields = [
        { url: `https://example.com/?key=${secret}` },
        { nested: { list: [text] } },
        { err: new Error(text) },
        { headers: { authorization: `Bearer ${secret}` } },
        { [secret]: 1 },
        {},
      ][place]
      log.child({ note: place === 5 ? text : '' }).error(fields ?? {}, text)
      expect(lines.join('')).not.toContain(secret)
      expect(() => JSON.parse(lines[0] ?? '')).not.toThrow()
    }),
  )
})

test('credentials in headers and connection URLs are cut whatever their form', () => {
  const { log, lines } = captureLog()
  log.info(
    { headers: { Authorization: 'Basic hunter22', Cookie: 'a=hunter22', 'Set-Cookie': ['b=hunter22'] } },
    'x',
  )
  log.info(
    { url: 'postgres://app:hunter22@db.example.com/darkroom', password: 'hunter22' },
    'bearer hunter22222',
  )
  expect(lines.join('')).not.toContain('hunter22')
  expect(lines.join('')).toContain('db.example.com')
})

test('what opens a link to a file is cut, so that a log opens none', () => {
  const { log, lines } = captureLog()
  const token = 'AbCd-_01'.repeat(4)
  log.info({ url: `https://x.example/files/0198c0de-7000-7abc-8def-0123456789ab/${token}/0.png` }, 'x')
  log.info({}, `GET /v2/downloads/1/0?exp=1&sig=${'0a'.repeat(32)}&X-Amz-Signature=${'0b'.repeat(32)}`)
  expect(lines.join('')).not.toMatch(/AbCd|0a0a|0b0b/)
  expect(lines.join('')).toContain('/0.png')
})

test('prompts are logged only when the operator asks for them', () => {
  const quiet = captureLog()
  quiet.log.info({ request: { prompt: 'a red fox', negativePrompt: 'blue' } }, 'generation.created')
  expect(quiet.first().request).toEqual({ prompt: REDACTED, negativePrompt: REDACTED })
  const open = captureLog(true)
  open.log.info({ request: { prompt: 'a red fox' } }, 'generation.created')
  expect(open.first().request).toEqual({ prompt: 'a red fox' })
})

test('a line is JSON with time, level, message and the request id of its child log', () => {
  const { log, first } = captureLog()
  const requestId = newRequestId()
  log.child({ requestId }).warn({ status: 429 }, 'request.refused')
  expect(first()).toMatchObject({ level: 'warn', msg: 'request.refused', requestId, status: 429 })
  expect(first().time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})
