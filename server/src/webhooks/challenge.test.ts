// What counts as an echo, and what an attacker could make a stranger's server answer.
import { expect, test } from 'vitest'
import { isEcho, newChallenge, renderChallenge } from './challenge.ts'

const challenge = newChallenge()
const sent = renderChallenge('01990000-0000-7000-8000-000000000000', challenge, new Date())

test('the text itself and an object of that one field are the echo, with white space around them', () => {
  for (const answer of [
    challenge,
    `${challenge}\n`,
    JSON.stringify({ challenge }),
    `  {"challenge" : "${challenge}"} `,
  ]) {
    expect(isEcho(answer, challenge), answer).toBe(true)
  }
})

test('no server that answers what it was sent, and none that says anything else, echoes', () => {
  const answers = [
    sent,
    JSON.stringify({ data: sent }),
    JSON.stringify(JSON.parse(sent).data),
    JSON.stringify({ challenge, ok: true }),
    JSON.stringify({ challenge: [challenge] }),
    JSON.stringify([challenge]),
    JSON.stringify(challenge),
    `you sent ${challenge}`,
    challenge.slice(0, -1),
    `${challenge}A`,
    challenge.toLowerCase(),
    newChallenge(),
    '{"challenge":',
    'null',
    '{}',
    '',
  ]
  expect(answers.filter(answer => isEcho(answer, challenge))).toEqual([])
})

test('a challenge is never the same twice', () => {
  expect(new Set(Array.from({ length: 1_000 }, newChallenge)).size).toBe(1_000)
})
