// Every environment variable with its default and meaning: the one table behind config.ts and
// docs/configuration.md. A variable that is not here is not read.

import { limiting } from './settings/limits.ts'
import { mailing } from './settings/mail.ts'
import { moderating } from './settings/moderation.ts'
import type { Setting } from './settings/setting.ts'
import { upstreams } from './settings/upstreams.ts'

const listening: Setting[] = [
  {
    name: 'HOST',
    default: '127.0.0.1',
    values: 'address',
    meaning:
      'Address to listen on. Only this machine by default, because a fresh start may run the sandbox and has no TLS; behind a proxy on another machine or in a container set `0.0.0.0`.',
  },
  {
    name: 'PORT',
    default: '8787',
    values: '0 to 65535',
    meaning: 'Port to listen on; `0` takes a free one.',
  },
  {
    name: 'PUBLIC_URL',
    default: '',
    values: 'origin',
    meaning:
      'The origin callers use, such as `https://images.example.com`. Links in answers are built from it. Unset: `http://127.0.0.1:<port>`.',
  },
  {
    name: 'FILES_URL',
    default: '',
    values: 'origin',
    meaning:
      'Another origin of this service for image files, on a host name of its own: under it nothing but files is answered. Recommended in production; the proxy must pass `Host` on. Unset: the public origin.',
  },
  {
    name: 'INTERIM_RESPONSES',
    default: 'off',
    values: 'on, off',
    meaning:
      'Interim `102` answers while a caller waits. Only for direct HTTP/1.1: nginx ends the connection on them.',
  },
  {
    name: 'TRUSTED_PROXIES',
    default: '0',
    values: '0 to 10',
    meaning:
      'How many proxies stand in front and append to `X-Forwarded-For`. The address they report is used to slow down guessing at sign-in.',
  },
]

const keeping: Setting[] = [
  {
    name: 'DARKROOM_DATA',
    default: './data',
    values: 'folder',
    meaning: 'Folder for the embedded database, images on disk and secrets of this installation.',
  },
  {
    name: 'DATABASE_URL',
    default: '',
    values: 'postgres URL',
    meaning:
      'PostgreSQL 15 or newer, as the runtime role; may go through PgBouncer. Unset: an embedded PostgreSQL in the data folder.',
  },
  {
    name: 'DATABASE_OWNER_URL',
    default: '',
    values: 'postgres URL',
    meaning:
      'The role that owns the tables and runs migrations. Unset: `DATABASE_DIRECT_URL`, else `DATABASE_URL`.',
  },
  {
    name: 'DATABASE_DIRECT_URL',
    default: '',
    values: 'postgres URL',
    meaning:
      'A connection to PostgreSQL itself, for notifications, workers and migrations. Needed when `DATABASE_URL` is pooled. Unset: `DATABASE_URL`.',
  },
  {
    name: 'DB_PREPARE',
    default: 'on',
    values: 'on, off',
    meaning: 'Named prepared statements. `off` behind PgBouncer before 1.21 in transaction mode.',
  },
  {
    name: 'DB_POOL_SIZE',
    default: '10',
    values: '2 to 500',
    meaning: 'Database connections of one process.',
  },
  {
    name: 'STORAGE_URL',
    default: '',
    values: 'file:<folder>, s3://<bucket>/<prefix>?…',
    meaning:
      'Where images are kept: a folder, or a bucket as in `s3://images/prod?endpoint=https://s3.example.com&region=eu-1`; [operating.md](operating.md#storage-in-a-bucket) has the parameters. Unset: the folder `images` in the data folder.',
  },
  { name: 'AWS_ACCESS_KEY_ID', default: '', values: 'text', meaning: 'Access key for a bucket, if any.' },
  { name: 'AWS_SECRET_ACCESS_KEY', default: '', values: 'secret', meaning: 'Its secret.' },
  { name: 'AWS_SESSION_TOKEN', default: '', values: 'secret', meaning: 'Of a temporary access key.' },
  {
    name: 'GETIMG_FILES_LIFETIME_S',
    default: '86400',
    values: '3600 to 315360000',
    meaning:
      'Seconds after which images made through the getimg API are deleted and their links end, counted from the order. Other images stay until they are deleted.',
  },
  {
    name: 'RETENTION_DAYS',
    default: '0',
    values: '0, 3 to 36500',
    meaning:
      'Days after their end for which generations are kept; then workers delete their images and prompts as their owner can. The ledger and idempotency keys stay. `0` keeps everything. A term that deletes more, also the first one, takes effect 24 hours after all workers were first seen with it; what was deleted does not come back when it is raised.',
  },
]

const selling: Setting[] = [
  {
    name: 'SIGNUP_CREDITS',
    default: '10',
    values: 'credits',
    meaning: 'Credits of a new account when the operator names no number.',
  },
  {
    name: 'CREDIT_PRICE_USD',
    default: '0.01',
    values: 'USD, 6 decimals',
    meaning:
      'What a credit costs; turns credits into the dollars of the getimg contract and sets default prices.',
  },
  {
    name: 'BYOK',
    default: 'on',
    values: 'on, off',
    meaning:
      'Whether accounts may bring keys of their own to upstreams; their orders there are then made with those, and cost the fee alone. Off: no key is taken, and new orders use none that was brought before.',
  },
  {
    name: 'BYOK_FEE',
    default: '25%',
    values: 'N%, credits',
    meaning:
      'What an order under a key of the account costs: a share of the price, rounded up to whole credits, or credits for each image, at most the price. A quarter of a default price is what you keep of it otherwise.',
  },
  {
    name: 'PLANS',
    default: 'free gptimage2=off, pro, max',
    values: 'plans, …',
    meaning:
      'The plans an account can have, each a name with any of `gptimage2=off` (that API answers 403), `cap-month=N` (credits per UTC calendar month, then 402), `rate=N/WINDOW` and `in-flight=N` (or `off`; instead of the limits of each API, for keys without one of their own), such as `pro cap-month=5000 rate=6000/1h in-flight=20`. The first is that of accounts whose plan is not in the list.',
  },
  {
    name: 'GPTIMAGE2_MODEL',
    default: 'gpt-image-2',
    values: 'model id',
    meaning:
      'The model that makes every image of the gptimage2 API, whose callers name none. The catalogue must list it for `gptimage2`.',
  },
  {
    name: 'OPENAI_DIALECT_MODEL',
    default: 'gpt-image-2',
    values: 'model id',
    meaning: 'What serves a call of the OpenAI Images API that names no model.',
  },
  {
    name: 'OPENAI_DIALECT_RATE',
    default: 'off',
    values: 'N/WINDOW, off',
    meaning:
      'Requests of one key to the OpenAI Images API in a window, such as `600/1min`. The limit of a key or a plan goes before it.',
  },
  {
    name: 'DARKROOM_SANDBOX',
    default: 'auto',
    values: 'auto, on, off',
    meaning:
      'Serve every model by the built-in illustrator at its normal price. `auto` is on only without any provider key, without `STRIPE_SECRET_KEY`, and while `PUBLIC_URL` is unset or loopback.',
  },
  {
    name: 'BUILTIN_MODEL',
    default: 'auto',
    values: 'auto, on, off',
    meaning:
      'Whether `darkroom:sketch`, the built-in illustrator, can be ordered outside the sandbox. `auto`: unless a provider has a key and the installation looks real (`PUBLIC_URL` is another machine, or `STRIPE_SECRET_KEY` is set), because it costs callers nothing and you a core; `on` where you want to give it away or have priced it in `DARKROOM_CATALOG`.',
  },
  {
    name: 'DARKROOM_CATALOG',
    default: '',
    values: 'file',
    meaning:
      'JSON file that overrides or extends the model catalogue. `darkroomd models check` tells whether it is right.',
  },
  {
    name: 'STRIPE_SECRET_KEY',
    default: '',
    values: 'secret',
    meaning: 'Key of the payment provider. Its presence keeps the automatic sandbox off.',
  },
]

const working: Setting[] = [
  {
    name: 'WORKER_CONCURRENCY',
    default: '1000',
    values: '1 to 1000',
    meaning:
      'Generations one process runs at once. They wait on upstreams, so this may far exceed the cores.',
  },
  {
    name: 'QUEUE_BOUND',
    default: '1000',
    values: '1 to 1000000',
    meaning: 'Waiting generations above which new ones are refused with 503 before any credit is held.',
  },
  {
    name: 'GENERATION_DEADLINE_SYNC_S',
    default: '270',
    values: '5 to 3600',
    meaning: 'Seconds a waiting caller waits at most. Above 290 common clients give up first and send again.',
  },
  {
    name: 'GENERATION_DEADLINE_ASYNC_S',
    default: '600',
    values: '5 to 86400',
    meaning: 'Seconds a streamed or queued generation may take.',
  },
  {
    name: 'SHUTDOWN_GRACE_S',
    default: '25',
    values: '0 to 3600',
    meaning:
      'Seconds running work gets to end after a stop signal. Below the 30 s after which most supervisors kill.',
  },
  {
    name: 'SCRUB_OBJECTS_PER_HOUR',
    default: '3600',
    values: '0 to 360000',
    meaning:
      'How many stored images all workers together read and compare with their recorded hash, to find what a disk has altered; `0` = none.',
  },
  {
    name: 'WEBHOOK_CONCURRENCY',
    default: '256',
    values: '1 to 1000',
    meaning:
      'Webhooks one worker sends at once, at most 16 of them to the same endpoint, and 64 or half of all while it answers within a second.',
  },
  {
    name: 'WEBHOOK_CHALLENGE',
    default: 'off',
    values: 'on, off',
    meaning:
      'Whether the URL of a new or moved webhook is sent a challenge first, which it must echo before it is sent anything else.',
  },
  {
    name: 'WEBHOOK_LOG_DAYS',
    default: '30',
    values: '1 to 3650',
    meaning: 'Days for which ended webhook deliveries and their attempts are kept.',
  },
]

const watching: Setting[] = [
  {
    name: 'LOG_LEVEL',
    default: 'info',
    values: 'trace, debug, info, warn, error, fatal, silent',
    meaning: 'Least important lines that are logged.',
  },
  { name: 'LOG_PROMPTS', default: 'off', values: 'on, off', meaning: 'Whether prompts may appear in logs.' },
  {
    name: 'METRICS_TOKEN',
    default: '',
    values: 'secret',
    meaning: 'Bearer token for `/metrics`. Unset: metrics are served to this machine only.',
  },
]

const signingIn: Setting[] = [
  {
    name: 'AUTH_SECRET',
    default: '',
    values: 'secret of 32 letters or more',
    meaning:
      'Signs session cookies and links to files. Unset: made once in the data folder; set it to the same text everywhere when several machines serve or work.',
  },
  {
    name: 'AUTH_SECRET_EARLIER',
    default: '',
    values: 'secrets, …',
    meaning:
      'Secrets that were replaced, also one from the data folder: permanent links that they signed still open. Leave one out and its links are dead.',
  },
  {
    name: 'ALLOW_INSECURE_COOKIES',
    default: 'off',
    values: 'on, off',
    meaning:
      'Allow sign-in over plain http on a host that is not loopback. Anybody on the way can take the session.',
  },
]

export const settingGroups: readonly { title: string; settings: readonly Setting[] }[] = [
  { title: 'Listening', settings: listening },
  { title: 'Keeping', settings: keeping },
  { title: 'Upstreams', settings: upstreams },
  { title: 'Credits and models', settings: selling },
  { title: 'Limits', settings: limiting },
  { title: 'Moderation', settings: moderating },
  { title: 'Working', settings: working },
  { title: 'Mail', settings: mailing },
  { title: 'Watching', settings: watching },
  { title: 'Signing in', settings: signingIn },
]
