// Guards that questions put together are answered each with its own answer, and none by a statement that was sent
// before it was put: a key revoked in between must be refused.
import { expect, test } from 'vitest'
import { gather } from './gather.ts'

/** Statements stay open until the test lets them go. */
function openDesk() {
  const sent: { questions: number[]; answer(): void; fail(error: Error): void }[] = []
  const ask = gather<number, string>(
    questions =>
      new Promise((resolve, reject) => {
        sent.push({ questions, answer: () => resolve(questions.map(each => `answer ${each}`)), fail: reject })
      }),
  )
  const turn = () => new Promise(resolve => setImmediate(resolve))
  const until = async (count: number) => {
    while (sent.length < count) await turn()
  }
  return { ask, sent, turn, until }
}

test('what is asked in one turn goes in one statement, and each gets its own answer', async () => {
  const { ask, sent, turn } = openDesk()
  const answers = Promise.all([1, 2, 3].map(ask))
  await turn()
  expect(sent.map(({ questions }) => questions)).toEqual([[1, 2, 3]])
  sent[0]?.answer()
  expect(await answers).toEqual(['answer 1', 'answer 2', 'answer 3'])
})

test('a question never joins a statement that was sent before it', async () => {
  const { ask, sent, turn } = openDesk()
  const first = ask(1)
  await turn()
  const second = ask(2)
  sent[0]?.answer()
  expect(await first).toBe('answer 1')
  await turn()
  expect(sent.map(({ questions }) => questions)).toEqual([[1], [2]])
  sent[1]?.answer()
  expect(await second).toBe('answer 2')
})

test('while a statement is under way questions wait and go together with the next', async () => {
  const { ask, sent, turn, until } = openDesk()
  const answers = [ask(1)]
  await turn()
  answers.push(ask(2), ask(3))
  sent[0]?.answer()
  await answers[0]
  answers.push(ask(4))
  sent[1]?.answer()
  await until(3)
  sent[2]?.answer()
  expect(await Promise.all(answers)).toEqual(['answer 1', 'answer 2', 'answer 3', 'answer 4'])
  expect(sent.map(({ questions }) => questions)).toEqual([[1], [2, 3], [4]])
})

test('a statement that takes long keeps nobody waiting: a second goes beside it, but no third', async () => {
  const { ask, sent, turn, until } = openDesk()
  const answers = [ask(1)]
  await turn()
  answers.push(ask(2), ask(3))
  await until(2)
  answers.push(ask(4))
  await turn()
  expect(sent.map(({ questions }) => questions)).toEqual([[1], [2, 3]])
  sent[1]?.answer()
  await until(3)
  expect(sent[2]?.questions).toEqual([4])
  sent[0]?.answer()
  sent[2]?.answer()
  expect(await Promise.all(answers)).toEqual(['answer 1', 'answer 2', 'answer 3', 'answer 4'])
})

test('a failure is told to those that went with it and to nobody else', async () => {
  const { ask, sent, turn, until } = openDesk()
  const lost = [ask(1), ask(2)].map(each => each.catch((error: Error) => error.message))
  await turn()
  const kept = ask(3)
  sent[0]?.fail(new Error('connection lost'))
  expect(await Promise.all(lost)).toEqual(['connection lost', 'connection lost'])
  await until(2)
  sent[1]?.answer()
  expect(await kept).toBe('answer 3')
})

test('a hundred questions are split, none is left behind', async () => {
  const sizes: number[] = []
  const ask = gather<number, number>(async questions => {
    sizes.push(questions.length)
    return questions.map(each => each * 2)
  })
  const answers = await Promise.all(Array.from({ length: 150 }, (_, at) => ask(at)))
  expect(answers).toEqual(Array.from({ length: 150 }, (_, at) => at * 2))
  expect(Math.max(...sizes)).toBe(64)
})
