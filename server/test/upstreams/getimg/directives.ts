// The behaviours of the getimg emulator beyond the transport, with the words a person needs to use them.
import { fileDirectives } from '../files.ts'

export const getimgDirectives: Record<string, string> = {
  moderation: '422 content_policy_violation',
  'moderation_words=STATUS': 'STATUS (default 400) without a code, whose text alone speaks of moderation',
  'rate_limit=header|reset|none':
    '429 rate_limit; the delay in Retry-After, in X-RateLimit-Reset only, nowhere',
  'delay=SECONDS': 'that delay (default 3)',
  concurrency: '429 with message and code alone',
  quota: '402 quota_exceeded',
  'invalid=FIELD': '400 invalid_parameter about FIELD (default aspect_ratio)',
  retired: '404 not_found',
  'unknown_model=STATUS': 'STATUS (default 400) invalid_parameter about the field model',
  wrong_key: '401 invalid_api_key with the key in its message',
  forbidden: '403',
  server_error: '500 server_error in the envelope',
  overloaded: '503 in the envelope',
  conflict: '409 in the envelope',
  flat_error: 'the error members at the top of the body instead of under `error`',
  'cost=USD': 'usage.total_cost as written (default the price of the model)',
  cost_as_text: 'usage.total_cost as a string',
  no_usage: 'no usage',
  'files=N': 'N files in data (default 1)',
  no_files: 'data is []',
  null_data: 'data is null',
  no_url: 'a file without its url',
  'status=WORD': 'status WORD with the files of a success',
  ended: 'deletes_at is past and the file is gone',
  other_format: 'bytes of another format than mime_type says',
  other_size: 'a picture of 64x64',
  ...fileDirectives,
}
