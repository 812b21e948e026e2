// Feeds damaged pictures to the check of inputs, one after the other, and says what became of each. It is run as a
// process of its own with little memory: a decoder that is led astray must take nobody else along.
import { writeSync } from 'node:fs'
import { AppError } from '../src/errors.ts'
import { checkInput } from '../src/uploads/check-input.ts'
import { damage, makeSeeds } from './fuzz-seeds.ts'

const forever = new AbortController().signal

async function feed(from: number, to: number): Promise<void> {
  const seeds = await makeSeeds()
  for (let number = from; number < to; number += 1) {
    // Written at once, so that the parent knows which one was the last.
    writeSync(1, `begin ${number}\n`)
    const bytes = damage(seeds[number % seeds.length] ?? Buffer.alloc(0), number)
    try {
      const { width, height } = await checkInput(bytes, { field: 'image', accountId: 'a', signal: forever })
      writeSync(1, `taken ${width}x${height}\n`)
    } catch (error) {
      const isRefusal = error instanceof AppError && error.code === 'invalid_request'
      writeSync(1, isRefusal ? 'refused\n' : `broken ${String(error)}\n`)
    }
  }
}

await feed(Number(process.argv[2]), Number(process.argv[3]))
