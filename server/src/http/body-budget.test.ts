// Memory for arriving bodies: shared, with an end for each and for all.
import { expect, test } from 'vitest'
import { openBodyShare } from './body-budget.ts'

const mb = 1024 * 1024

test('one account cannot take the room of the others, nor all of them more than there is', () => {
  const shares = Array.from({ length: 4 }, (_, at) => openBodyShare(`account ${at}`))
  const [first, second, third, fourth] = shares
  first?.take(96 * mb)
  expect(() => first?.take(1)).toThrow('Too many large requests')
  second?.take(96 * mb)
  third?.take(64 * mb)
  expect(() => fourth?.take(1)).toThrow('Too many large requests')
  for (const share of shares) share.release()
  fourth?.take(96 * mb)
  fourth?.release()
  fourth?.release()
  first?.take(96 * mb)
  first?.release()
})
