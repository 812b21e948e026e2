// Settings of our own safety checks.
import type { Setting } from './setting.ts'

export const moderating: Setting[] = [
  {
    name: 'MODERATION',
    default: 'off',
    values: 'off, words, openai',
    meaning:
      "Checks of our own beside those of the models' providers: none, a list of words, or OpenAI's Moderations API for words and pictures. A refusal comes before anything is held.",
  },
  {
    name: 'MODERATION_WORDS',
    default: '',
    values: 'file',
    meaning:
      'The word list: one word or phrase a line, `#` for comments, `*` at the end for every ending. Unset: a short list that ships. With `openai`, checked beside it.',
  },
  {
    name: 'MODERATION_API_KEY',
    default: '',
    values: 'secret',
    meaning: 'Key for `openai`. Unset: `OPENAI_API_KEY`.',
  },
  {
    name: 'MODERATION_BASE_URL',
    default: '',
    values: 'URL',
    meaning:
      'Address for `openai`; its origin is trusted. Unset: `OPENAI_BASE_URL` with the key of that provider, else `https://api.openai.com/v1`.',
  },
  {
    name: 'MODERATION_MODEL',
    default: 'omni-moderation-latest',
    values: 'text',
    meaning: 'Model for `openai`; only an omni model looks at pictures.',
  },
  {
    name: 'MODERATION_OUTPUT',
    default: 'on',
    values: 'on, off',
    meaning:
      'Whether results are checked before delivery, by `openai`. Then no unfinished picture is shown while one is made.',
  },
  {
    name: 'MODERATION_ON_FAILURE',
    default: 'refuse',
    values: 'refuse, pass',
    meaning:
      'What happens when the check cannot be made: orders are refused with 503 and results are kept back until the deadline, or everything passes.',
  },
  {
    name: 'MODERATION_BLOCKED_PER_DAY',
    default: '50',
    values: '0 to 1000000',
    meaning:
      'Results of one account that any safety system may block on a UTC day before its orders are refused with 429 until midnight; blocked ones are free for the customer and may not be for you. `0` = no limit.',
  },
  {
    name: 'MODERATION_STRIKES',
    default: '0',
    values: '0 to 1000000',
    meaning:
      'Refusals by our own checks after which an account is refused until `darkroomd moderation clear`. `0` = never.',
  },
]
