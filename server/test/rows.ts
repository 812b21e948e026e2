// Where each promise of the reliability plan is proved: one row for each of its rows, in its order, with the tests that
// hold it as `file: title`. `open:` says what of it is not proved yet and why; a row without a test must say so.
// rows.test.ts fails when a file or a title here does not exist.

import { crashRows } from './rows-crash.ts'
import { doorRows } from './rows-doors.ts'

export const rows: Record<string, string[]> = {
  // Idempotency.
  'I-1 one key makes one generation and one hold': [
    'gptimage2: makes one order of twins at once, and shows its status as it is now',
    'imgeo: shows the same images and charges once, even to twins and with an empty wallet',
    'orders: makes one order of 100 parallel synchronous ones',
    'orders: makes one order of 100 parallel queued ones',
  ],
  'I-2 a replay shows the same generation and is marked': [
    'replays: is shown again under its key at once',
    'replays: is shown again under its key in the last minute of the day',
    'orders: attaches duplicates to the order in progress, whatever they prefer',
  ],
  'I-3 a failed generation is shown again, not run again': [
    'gptimage2: shows a failure and a refusal again and runs neither anew',
    'guards: a failed order is shown again under its key, not run again',
  ],
  'I-4 answers before the hold leave the key unused': [
    'replays: is unused, whatever the refusal',
    'getimages keys: a refused request leaves its key free, whatever the refusal',
  ],
  'I-5 a mismatch is refused and nothing happens': [
    'fingerprint: one field more, less or changed, null for nothing, and the order of a list do, 500 of 500',
    'fingerprint: the order of keys and white space make no difference, 200 of 200',
    'getimages keys: with another body is 400 and nothing happens; key order and white space are no difference',
    'replays: is refused for any other body, which holds nothing, and shows it for the same one written otherwise',
  ],
  'I-6 a duplicate in progress attaches': [
    'orders: attaches duplicates to the order in progress, whatever they prefer',
  ],
  'I-7 a key lives at least 24 h, and as long as its row': [
    'replays: is shown again under its key four days later still, since nothing purges orders',
    'deletion: takes every object and every word of the caller; the books, the key and the row stay',
    'open: a purge that spares open rows: nothing purges orders yet',
  ],
  'I-8 the scope of a key is the account': [
    'shared path: an idempotency key is of the account and the route: neither mount nor dialect makes it another',
    'orders: belongs to the account: its keys share it, other accounts do not, rotation keeps it',
  ],
  'I-9 malformed keys are refused': [
    'getimages keys: a key is 1 to 255 visible ASCII characters, sent once; quotes around it are no part of it',
  ],
  "I-10 SDKs' retries make no second generation": [
    'joins: as many parallel retries as there are orders each join another one, and the rest join none',
    'joins: a retry joins the one that runs or waits; a later retry of the same call finds it again',
    'joins: one that has ended is joined for 60 seconds, unless its answer was heard',
    'joins: a retry that meets the settlement waits for it and joins what was settled',
    'openai retries: a reset connection while the order runs: the repeat joins it',
    'openai retries: a timeout of the client itself: the repeat joins, for forms with files too',
    'openai retries: identical calls side by side stay as many orders as they are, also when all are cut',
    'openai retries: a process that is killed: the repeat finds the order at another one, which is not made again',
    'openai retries: a 500 after the work: said once, paid back, never sent again',
    'getimg sdk: cut after %i bytes of the answer; the SDK waits its second: %s',
    'getimg sdk: reset while the model works, twice',
    'getimg sdk: the service is killed while the model works: one generation, no second one, nothing charged',
    'getimg sdk: an order that %s',
    'getimg sdk: an answer that was heard is not joined any more, nor is an order of another key or body',
    "open: getimg's own SDK is on no registry, a stand-in plays it",
  ],
  'I-11 our key towards an idempotent upstream stays the same': [
    'modes: all repeats of a create carry one key, and the upstream bills it once',
  ],
  'I-12 a crash at any phase is healed by a retry': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
    'webhook crashes: who dies with a delivery claimed and not sent leaves the delivery to the next one, under one id',
  ],
  // Ledger and concurrency.
  'L-1 no overspend': [
    'orders: are never overspent by parallel orders at three processes',
    'wallet: is never granted beyond the balance',
  ],
  'L-2 nor when the last bytes arrive together': [
    'orders: are not overspent when the last bytes of all requests arrive together',
    'orders: makes one order also when the last bytes arrive together and credits are scarce',
    'cancels: thirty cancels whose last bytes arrive together and the end of their order resolve its hold once',
    'open: redeeming, making keys and payments have no route yet',
  ],
  'L-3 the ledger sums to the balance, always': [
    'model: the ledger equals a ledger on paper after every command',
    'wallet: the usage list sums to the balance in every snapshot while everything moves',
    'kill loop: under kills every order ends once and is paid once (seed 1)',
    'books: what was wrong for a moment while a rig was watched fails the suite',
    'books: a database whose books do not hold cannot be closed in silence',
  ],
  'L-4 each hold resolves exactly once': [
    'wallet: whoever captures and releases it at the same time',
    'wallet: and the database refuses a second resolution even past every guard',
  ],
  'L-5 no orphan hold after a crash': [
    'kill loop: under kills every order ends once and is paid once (seed 1)',
  ],
  'L-6 the ledger equals a model': [
    'model: the ledger equals a ledger on paper after every command',
    'open: purchase, dispute and expiry need payments',
  ],
  'L-7 interleavings are harmless': [
    'schedules: every interleaving of taking, settling, canceling and reaping keeps the books',
  ],
  'L-8 the balance is linearizable': ['linearizable: is linearizable over three processes'],
  'L-9 read your writes on any node': [
    'orders: spent at one process are spent at every other by the time of the answer',
  ],
  'L-10 history cannot be changed': [
    'invariants: by the runtime role: a transfer that does not sum to zero',
    'migrate: the owner of the tables, and a superuser, cannot change the ledger either',
  ],
  'L-11 partial success captures a part': [
    'gptimage2: with fewer images than ordered is a success that charges those that came',
    'imgeo: that yields fewer images than ordered answers and charges those that came',
    'replays: an order of four is charged for the images that came, from none to four',
  ],
  'L-12 neither input nor time moves the price': [
    'callers: the price is the one of the hold, whatever the price list says at the end',
    'orders: cannot be moved by anything in the request',
  ],
  'L-13 acknowledged money survives a crash': [
    'database: every acknowledged hold survives the kill of all of PostgreSQL, round after round',
    'settings: synchronous_commit = off is refused, and the text says what to set',
    'settings: a server without fsync, of an old version and of another encoding is refused with every fault at once',
  ],
  'L-14 an ambiguous COMMIT is resolved by reading': [
    'database: an order whose acknowledgement is lost is taken once, whether it was committed or not',
    'database: an order whose statement still runs when its connection is lost is taken once',
  ],
  'L-15 a hot account stays usable': ['wallet: one hot account takes holds side by side without a deadlock'],
  'L-16 no transaction spans an upstream call': [
    'callers: no transaction is open while upstreams are slow, and reading stays quick',
    'connect: code inside a transaction is known to be, across awaits, and code after it is not',
  ],
  // Generations, upstreams, overload.
  'G-1 a fault at any await is survived': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
    'failpoints: after throw at any point of the money path the books hold and a retry finds the same order',
    'failpoints: after hang at any point of the money path the books hold and a retry finds the same order',
    'failpoint rule: whatever moves money or asks an upstream stands between two failpoints',
  ],
  'G-2 never a second paid call after an unknown outcome': [
    'faults: whatever an upstream answers it was asked once, nobody pays, and the deadline is the end',
    'guards: an order whose answer was lost is never bought again',
  ],
  'G-3 only what did not run is retried': [
    'retries: after two refusals for the rate: three tries, one of them billed',
    'retries: after a connection that was refused',
  ],
  'G-4 retries of SDKs and transports are off': [
    'callers: no order was ever asked for twice at an upstream, at once or one after the other',
    'outbound: a request is written once, though its connection breaks at once',
  ],
  'G-5 stale workers cannot settle': [
    'stale: a worker that slept past its lease settles nothing, and nothing is settled twice',
  ],
  "G-6 a client's disconnect changes nothing": [
    'imgeo: goes on when its caller leaves, and is charged',
    'callers: after 50 % of the work',
    'callers: after the head of the answer and a part of the image',
  ],
  'G-7 a late result is never captured': ['modes: a result that comes after the deadline is never captured'],
  'G-8 a cancel race has one winner': [
    'cancel: a cancel that meets a success has one winner, and its answer tells the truth',
    'cancel: a cancel between two tries of a queued order ends it, and nothing is sent again',
    'cancel: a cancel of a second try cancels that one at the upstream',
    'native verbs: of an order that waits ends it unpaid; of one at work says that it runs on',
  ],
  'G-9 a graceful stop loses nothing': [
    'stale: a rolling stop loses nothing: what runs is finished and answered, new orders go elsewhere',
    'journeys: finishes what runs, takes nothing new, says so at once and exits with 0',
  ],
  'G-10 a hard stop loses only unknowns': [
    'kill loop: under kills every order ends once and is paid once (seed 1)',
  ],
  'G-11 the deadline holds end to end': [
    'faults: whatever an upstream answers it was asked once, nobody pays, and the deadline is the end',
    'outbound: nothing was sent when connecting takes too long: a black hole, a handshake without an answer',
    'outbound: the whole exchange ends in time, though bytes keep dripping',
  ],
  'G-12 a retry budget bounds amplification': [
    'retries: gets a tenth more calls at most, though every order may be tried three times',
    'retries: gets no more calls than orders came, and orders are made again soon after it works again',
  ],
  "G-13 the breaker opens per upstream and model, probes once a period and process, ignores customers' mistakes":
    [
      'breaker: a row of failures closes the door on one upstream model, at one process, without a hold',
      "breaker: customers' mistakes and refused contents never open it",
      'breaker: a call that takes too long ends alone: those beside it are made, and the door stays open',
      'breaker: while it is open each process sends one probe a period and no more',
      'breaker: an order that was taken and then meets it waits for the next probe, and is made when that succeeds',
      'breaker rules: what began before it opened, or before it closed, tells nothing of now',
    ],
  'G-14 paid calls are not hedged': [
    'callers: no order was ever asked for twice at an upstream, at once or one after the other',
  ],
  'G-15 another upstream only after proof that nothing ran': [
    'retries: never after an answer that leaves open whether the first one worked',
    'retries: once, after proof that nothing ran',
    'retries: by the kind of failure: those that prove that nothing ran, and no other',
    'chaos: no order is bought twice and no limit is passed while nodes die and upstreams fail in turns',
    'retries: never when only the repeat of a create did not run, since the create itself may have',
  ],
  'G-16 the queue is bounded and sheds early and cheaply': [
    'overload: every order is either done or refused with 503 and a time to come back',
    'overload: refused orders leave no trace: no row, no hold, no upstream call',
    'overload: what it takes, it does at full speed',
    'overload: refusals are quick, and nobody taken waits longer than the queue',
    'overload: memory stays flat',
  ],
  'G-17 tenants are treated fairly': [
    'overload: does not make another one wait for it',
    'claims: tenants take turns however long their queues are',
  ],
  'G-18 the concurrency cap is exact over nodes': [
    'gptimage2: of twenty at once 5 are taken; the rest are 429 and there is room again when one has ended',
    'limits: round 1: takes exactly 5 of 200 parallel orders',
    'limits: was never exceeded at the upstream',
  ],
  'G-19 the rate limit is exact over nodes and its headers true': [
    'gptimage2: 600 an hour from the first call: every answer counts and shows it, errors and polls too',
    'shared path: a neutral key has a window of gptimage2 that imgeo does not take from',
    'limits: of getimages admits exactly as many as it says, and again at the second it says',
  ],
  "G-20 the limiter's failure mode is the decided one": [
    'guards: a limiter that does not answer refuses orders before the hold, and reads stay open',
  ],
  'G-21 a database restart kills no process': [
    'database: a database that dies under load kills no process, and callers see at worst 503',
    'guards: a process survives the loss of connections that are in use',
  ],
  'G-22 upstream output is untrusted': [
    'faults: whatever an upstream answers it was asked once, nobody pays, and the deadline is the end',
    'contract: never follows a redirect with the key',
    'contract: never finishes reading a picture without end',
    'receive: too many bytes are rejected without reading on',
  ],
  'G-23 a storage failure is never captured': [
    'storage: a disk that fills up refuses orders in words, sells no unreadable picture and goes on',
    'storage: a manifest that cannot be written sells nothing, and the purchase is in the books',
    'storage: storage that stays silent holds no credits past the deadline',
    'bucket: at %s sells nothing, and the purchase is in the books',
    'bucket: refuses orders before anything is bought, and serves again when it is back',
    's3: a store that fails every call is asked three times, and the failure says what it said',
  ],
  // Webhooks.
  'W-1 deliveries verify with the official library': [
    'signatures: both families accept 1,000 payloads of any text, and no change of id, time or body',
    'webhooks: a success is announced once, signed in both ways, with the documented body',
  ],
  'W-2 the timestamp is that of the attempt': [
    'signatures: the time is that of the attempt in seconds, and good for five minutes to either side',
  ],
  'W-3 one id per event and endpoint': [
    'webhooks: an endpoint that fails is tried after 30 s, 2 min and 10 min, under one id, then never again',
    'webhook routes: a test event and a resend are delivered and on record; the log has pages',
    'webhook crashes: who dies with a delivery sent and not written down leaves the delivery to the next one, under one id',
  ],
  'W-4 secrets rotate without downtime': [
    'webhook routes: a replaced secret signs beside the new one for a day, then no more',
    'signatures: while a secret is replaced both verify, and the one hex signature is the old one’s',
  ],
  'W-5 the retry schedule is the published one': [
    'webhooks: an endpoint that fails is tried after 30 s, 2 min and 10 min, under one id, then never again',
    'policies: the default policy tries four times: after 30 s, 2 min and 10 min, to the millisecond',
    'policies: the standard policy tries ten times over more than three days, spread by a tenth',
    'mail: a delivery that gives up is told once, with the host of the URL and no more of it',
    'mail: two hundred deliveries that give up make one letter a day, and the next one counts those since',
    'mail: greylisting is waited out, and the letter then arrives once',
    'mail crashes: who dies %s leaves it to the next one, under one Message-ID',
  ],
  'W-6 status codes are honoured': [
    'webhooks: the answer %i, Retry-After %s, means: %s; no redirect is followed',
    'policies: Retry-After is obeyed by the standard policy alone, with 429 and 503, up to a day',
    'policies: a 410 ends an endpoint under the standard policy and is a failure under the default one',
  ],
  'W-7 auto-disable follows the policy': [
    'webhooks: eight failed attempts in a row disable an endpoint, whatever they belong to; enabling begins anew',
    'webhooks: a success among failures sets the count back',
    'webhooks: the standard policy bears a bad hour and is disabled after five bad days',
    'webhook ownership: without an echo it ends after four tries, and begins anew when it is asked for again',
    'mail: each time that failures disable a webhook is told in one letter, what its owner does in none',
  ],
  'W-8 at least once, never lost': [
    'guards: whoever dies after a settlement has written its event',
    'webhook crashes: everything arrives while the processes that send it are killed again and again',
  ],
  'W-9 log, resend, test event': [
    'webhook routes: a test event and a resend are delivered and on record; the log has pages',
    'webhook routes: what failed since a time is sent again, so many in a call, each under its old id',
    'webhook routes: a delivery is sent again ten times a minute, never after fifty attempts, and all of them can be read',
    'answers: headers are kept in their order; those that say who somebody is keep their names alone',
    'answers: never more than 32 headers, of 256 letters each and 2,048 in all, and a short one after a long one stays',
  ],
  'W-10 slow receivers do not starve others': [
    'webhooks: a receiver that hangs delays nobody else and is cut after 5 s',
    'webhook crashes: three processes share deliveries, and none is sent by two of them',
  ],
  'W-11 order is not promised, state converges': [
    'webhook crashes: everything arrives while the processes that send it are killed again and again',
    'webhooks: in whatever order events arrive, and however often, the printed receiver ends with the same',
  ],
  'W-12 https only, answers bounded': [
    'webhook routes: an http URL is refused by name',
    'webhook routes: a user name in the URL is refused by name',
    'webhooks: an answer of any length counts by its status; its first bytes are kept',
  ],
  'W-13 no use as an attack instrument': [
    'webhook routes: an account can have twenty endpoints and no more',
    'webhook routes: one host is sent no more tests than it can bear, by whomever',
    'host pace: one host has so many turns a second, whichever of its addresses is named',
    'webhook ownership: nothing but the challenge is sent before its echo; what happened meanwhile arrives then',
    'webhook ownership: a new URL must prove itself, other changes need no proof, and an echo of the old one proves nothing',
    'webhook ownership: making, moving, enabling and asking send one host no more than tests may, by whomever',
    'challenges: no server that answers what it was sent, and none that says anything else, echoes',
  ],
  ...doorRows,
  // The API.
  'A-1 object level': [
    "gptimage2: another account's pictures, and those never sent, are as unknown ones",
    'surface: no id of another account is anything but unknown, on any route and by any method',
    'webhook routes: nobody reaches another account’s endpoint or deliveries, by any route',
    'guards: a stranger is shown nothing of an order, by any of its addresses',
    'native verbs: of a foreign generation, and its deletion, are those of an unknown one',
    'getimages read: another account gets what an unknown id gets: the same status, body and headers',
  ],
  'A-2 authentication': [
    'surface: no route of the document answers without a key, or to anything else than one',
    'journeys: a person signs in, is known, signs out and is forgotten',
  ],
  'A-3 property level': [
    'getimages refusals: unknown fields are refused at the root, whatever they are called',
    'native: takes what the model offers and names what it does not',
  ],
  'A-4 resource use': [
    'getimages refusals: more than 64 KiB is 400, declared or in chunks, and is not read to its end',
    'getimages refusals: what is no JSON object is refused',
    'getimages read: clamps integers out of range and echoes what it used',
    'paging: a page of the usage list costs the same at any depth',
    'paging: a page of the native list walks the index that its filter names, and never further than its bound',
    'native list: refuses what it does not know by its name, and shows the window on every answer',
    'native events: are bounded in number for a key; who leaves gives back the place and harms nothing',
    'losses: at the daily cap orders that only that upstream could make are refused at the door, and all others go on',
  ],
  'A-5 function level': [
    'surface: what a service should not have is not there',
    'getimages read: /api/v1/images allows GET; anything else is 405 with Allow, whatever the override header says',
    'surface: a key opens the routes of its scopes and no others',
    'console: whoever is not signed in sees the sign-in form at every address, and nothing that differs',
    'console: a key with the scope admin opens the pages; every other one is refused in the same words',
    'provider keys: only the scope admin reaches them, and what is no key or no provider is refused by its field',
    'webhook routes: the session of a customer opens none of the operator’s doors, whatever the method says it is',
  ],
  'A-6 business flows': [
    'sessions: sign-up is closed, and so is everything else the library could do',
    'moderated: with too many blocked results of a day waits for midnight, whoever blocked them, on every node',
    'open: sign-up, redeeming and referrals do not exist yet',
  ],
  'A-7 SSRF: see S-1 to S-12': [
    'refusals: no form of a loopback address is reached, whoever but the operator wrote it',
  ],
  'A-8 configuration': [
    'surface: every answer says what it is and cannot be taken for a page',
    'surface: what a service should not have is not there',
    'config: all problems are told at once, each by its variable',
    'auth secret: the signing secret is made once, readable by the service alone, also by many at once',
  ],
  'A-9 inventory': [
    'docs: endpoints of every API',
    'getimages schema: has the five operations and thirteen components of the contract',
    'inventory: every route of the router is described, and everything described has a route',
    'inventory: below each mount stands what the document of its dialect describes, and nothing else',
    'inventory: the pages of the APIs list every operation, and none that there is not',
    'openapi: Redocly finds nothing by its recommended rules, not even to warn of',
    'openapi: Spectral finds nothing by its recommended rules, not even a hint',
    'openapi: the linters do find what is wrong',
  ],
  'A-10 unsafe consumption: see G-22': [
    'contract: never follows a redirect with the key',
    'outbound: nothing was sent when the certificate is not trusted or names another host',
  ],
  ...crashRows,
}
