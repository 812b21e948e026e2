// What the core needs for orders without pictures, while nobody judges them.
import type { Moderation } from '../src/moderation/moderation.ts'
import type { InputTaker } from '../src/uploads/input.ts'

export const noInputs: InputTaker = {
  take: () => Promise.reject(new Error('no pictures here')),
  discard: async () => undefined,
}

export const noModeration: Moderation = {
  checksInput: false,
  checksOutput: false,
  refuseAccount: () => undefined,
  checkInput: async () => undefined,
  checkOutput: async () => [],
  refresh: async () => undefined,
}
