// Guards how small answers are kept: whole, whatever is asked for first, and without a stream unless one is wanted.
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { type Body, openBody } from './body.ts'
import { createFlow } from './flow.ts'

const smallBytes = 64 * 1024

function open(lengthBytes: number | null) {
  const told = { paused: 0, resumed: 0, destroyed: 0 }
  const count = (what: keyof typeof told) => () => {
    told[what] += 1
  }
  const source = { pause: count('paused'), resume: count('resumed') }
  const options = { lengthBytes, mostBytes: 1_000_000, flow: createFlow(), onDestroy: count('destroyed') }
  const body = openBody(source, options)
  return { body, told }
}

const piece = (bytes: number, value: number) => Buffer.alloc(bytes, value)
const whole = Buffer.concat([piece(1_000, 1), piece(2_000, 2)])

function bring(body: Body): void {
  body.push(piece(1_000, 1))
  body.push(piece(2_000, 2))
}

test.each([3_000, null])(
  'an answer of %s bytes is whole for whoever asks before, between and after',
  async length => {
    const { body, told } = open(length)
    const first = body.bytes()
    body.push(piece(1_000, 1))
    const second = body.bytes()
    body.push(piece(2_000, 2))
    body.end()
    expect(await Promise.all([first, second, body.bytes()])).toEqual([whole, whole, whole])
    expect(told).toEqual({ paused: 0, resumed: 0, destroyed: 0 })
  },
)

test('the stream has everything, asked for at the beginning, in between and after the end', async () => {
  const early = open(null)
  const stream = early.body.stream()
  bring(early.body)
  early.body.end()
  expect(await buffer(stream)).toEqual(whole)

  const between = open(null)
  between.body.push(piece(1_000, 1))
  const later = between.body.stream()
  between.body.push(piece(2_000, 2))
  between.body.end()
  expect(await buffer(later)).toEqual(whole)

  const late = open(null)
  bring(late.body)
  late.body.end()
  expect(await buffer(late.body.stream())).toEqual(whole)
  // The parser may be at work for another exchange by now.
  expect([late.told.paused, late.told.resumed]).toEqual([0, 0])
})

test('whoever waits for the whole gets it also when the stream is asked for meanwhile, or it is small no more', async () => {
  const asked = open(null)
  const waiting = asked.body.bytes()
  asked.body.push(piece(1_000, 1))
  expect(asked.body.stream().readableLength).toBe(1_000)
  asked.body.push(piece(2_000, 2))
  asked.body.end()
  expect(await waiting).toEqual(whole)

  const grown = open(null)
  const all = grown.body.bytes()
  for (let at = 0; at < 4; at += 1) grown.body.push(piece(smallBytes / 2, at))
  grown.body.end()
  const expected = Buffer.concat([0, 1, 2, 3].map(at => piece(smallBytes / 2, at)))
  expect((await all).equals(expected)).toBe(true)
})

test('an answer that breaks off is told to everybody who asks, and to nobody else', async () => {
  const { body } = open(3_000)
  const waiting = body.bytes()
  body.push(piece(1_000, 1))
  body.fail(new Error('cut'))
  await expect(waiting).rejects.toThrow('cut')
  await expect(body.bytes()).rejects.toThrow('cut')
  await expect(buffer(body.stream())).rejects.toThrow('cut')
  // Nobody asks: no rejection is left that nobody handles.
  open(3_000).body.fail(new Error('unheard'))
})
