// Faults put into the service on purpose (RELIABILITY 5.9), one at a time, each with the test that must turn red.
// A test whose mutant survives guards nothing.
import type { Db } from '../../src/db/db.ts'
import { applyPatch, type Patch } from '../crash/program.ts'
import { suiteMutants } from './suites.ts'

/** One change of a database function as it is installed. */
type FunctionPatch = { function: string; from: string; to: string }

export type Mutant = {
  name: string
  /** The file and the exact name of the test that catches it. */
  file: string
  test: string
  /** Sources of the service that the test starts. */
  source?: Patch[]
  /** Sources that the test itself imports. */
  imported?: Patch[]
  functions?: FunctionPatch[]
  /** Run by the owner of the tables. */
  statements?: string[]
}

const guards = 'test/mutants/guards.test.ts'
const oneKey = 'parallel orders with one key are one order'
const retries = 'test/crash/retries.test.ts'
const spendCaps = 'test/races/spend-caps.test.ts'
const breaker = 'test/crash/breaker.test.ts'
const pacing = 'test/races/pacing.test.ts'
const loopbackForms = 'no form of a loopback address is reached, whoever but the operator wrote it'
const noOverspend = 'parallel orders spend what is there and no credit more'

export const mutants: Mutant[] = [
  {
    name: 'select, then insert',
    file: guards,
    test: oneKey,
    functions: [
      {
        function: 'create_generation',
        from: 'BEGIN\n  INSERT INTO generation (id,',
        to: `BEGIN
  SELECT * INTO v_found FROM generation g WHERE g.account_id = p_account AND g.idem_key = p_idem_key;
  IF FOUND THEN
    RETURN QUERY SELECT false, v_found.id, v_found.fingerprint, NULL::bigint, v_found.created_at, v_found.deadline;
    RETURN;
  END IF;
  INSERT INTO generation (id,`,
      },
      {
        function: 'create_generation',
        from: 'ON CONFLICT (account_id, idem_key) WHERE idem_key IS NOT NULL DO NOTHING;',
        to: ';',
      },
    ],
    statements: ['DROP INDEX generation_idempotency'],
  },
  {
    name: 'the replay of a failed order runs it again',
    file: guards,
    test: 'a failed order is shown again under its key, not run again',
    source: [
      {
        file: 'src/generations/create.ts',
        from: 'if (earlier) return earlier\n',
        to: `if (earlier && earlier.generation.state !== 'failed') return earlier
  if (earlier) input = { ...input, idempotencyKey: input.idempotencyKey + '-again' }\n`,
      },
    ],
  },
  {
    name: 'the balance is checked by the sum of the ledger',
    file: guards,
    test: noOverspend,
    functions: [
      {
        function: 'create_generation',
        from: 'AND a.available >= v_price AND',
        to: `AND (SELECT coalesce(sum(e.amount), 0) FROM entry e WHERE e.owner = p_account
          AND e.bucket = 'available') >= v_price AND`,
      },
    ],
  },
  {
    name: 'the balance is read, then written',
    file: guards,
    test: noOverspend,
    functions: [
      {
        function: 'create_generation',
        from: 'UPDATE account a SET available = a.available - v_price,',
        to: `SELECT * INTO v_account FROM account a WHERE a.id = p_account;
    UPDATE account a SET available = v_account.available - v_price,`,
      },
    ],
  },
  {
    name: 'release does not look at the state',
    file: guards,
    test: 'a hold is released once, however many try',
    functions: [
      { function: 'settle_released', from: ' AND g.state = ANY (p_from) RETURNING', to: ' RETURNING' },
    ],
  },
  {
    name: 'release does not look at the epoch',
    file: guards,
    test: 'a worker whose claim has moved on settles nothing',
    functions: [
      { function: 'settle_released', from: 'AND (p_epoch IS NULL OR g.epoch = p_epoch) AND', to: 'AND' },
    ],
  },
  {
    name: 'a part delivered is charged as the whole',
    file: guards,
    test: 'what is delivered in part is charged in part',
    functions: [{ function: 'settle_succeeded', from: 'least(p_delivered, g.count)', to: 'g.count' }],
  },
  {
    name: 'a reset after sending counts as not run',
    file: guards,
    test: 'an order whose answer was lost is never bought again',
    source: [
      {
        file: 'src/providers/openai.ts',
        from: "const failure = error.sent ? 'unknown_outcome' : 'unavailable'",
        to: "const failure = 'unavailable' as const",
      },
    ],
  },
  {
    name: 'the event is written after the settlement',
    file: guards,
    test: 'whoever dies after a settlement has written its event',
    functions: [
      {
        function: 'finish_generation',
        from: 'INSERT INTO event',
        to: "IF p_row.state <> 'succeeded' THEN INSERT INTO event",
      },
      {
        function: 'finish_generation',
        from: 'p_row.state, v_now);\n  IF p_row.price',
        to: 'p_row.state, v_now); END IF;\n  IF p_row.price',
      },
    ],
    source: [
      {
        file: 'src/generations/finish.ts',
        from: "await fp('T6.after')\n",
        to: `await fp('T6.after')
  if (row) await needs.db.query({ name: 'moved_event', text: \`INSERT INTO event
    (account_id, generation_id, type, status, created_at)
    SELECT account_id, id, 'generation.succeeded', state, app_now() FROM generation WHERE id = $1\` }, [generation.id])\n`,
      },
    ],
  },
  {
    name: 'each attempt at a webhook has an id of its own',
    file: 'test/conformance/webhooks.test.ts',
    test: 'an endpoint that fails is tried after 30 s, 2 min and 10 min, under one id, then never again',
    source: [
      {
        file: 'src/webhooks/deliver.ts',
        from: 'signedHeaders(secrets, { id: row.id,',
        to: 'signedHeaders(secrets, { id: row.id.slice(0, -3) + (100 + row.tries),',
      },
    ],
  },
  {
    name: 'a success leaves the failures of a webhook as they are',
    file: 'test/conformance/webhooks.test.ts',
    test: 'a success among failures sets the count back',
    functions: [
      {
        function: 'finish_delivery',
        from: 'UPDATE webhook_endpoint SET failures = 0, failing_since = NULL',
        to: 'UPDATE webhook_endpoint SET failing_since = NULL',
      },
    ],
  },
  {
    name: 'connections in use have no error listener',
    file: guards,
    test: 'a process survives the loss of connections that are in use',
    source: [
      {
        file: 'src/db/connect.ts',
        from: "    client.on('error', error => {",
        to: "    client.on('never', error => {",
      },
    ],
  },
  {
    name: 'an error of the limiter lets the order through',
    file: guards,
    test: 'a limiter that does not answer refuses orders before the hold, and reads stay open',
    source: [
      {
        file: 'src/accounts/authenticate.ts',
        from: 'await db.query<AdmittedRow>(sql.admitRequests, [',
        to: `await ((values: unknown[]) => db.query<AdmittedRow>(sql.admitRequest, values).catch(() =>
          db.query<AdmittedRow>({ name: 'admit_anyway', text: \`SELECT 1 AS at, a.id AS account_id, a.plan, k.id AS key_id,
            k.style, k.scopes, k.in_flight_cap, NULL AS cap_day, NULL AS cap_month, NULL AS models, NULL AS rate_limit
            FROM api_key k
            JOIN account a ON a.id = k.account_id
            WHERE k.secret_hash = ($1::bytea[])[1]\` }, [values[0]])))([`,
      },
    ],
  },
  {
    name: 'close of the request counts as the caller gone',
    file: guards,
    test: 'a caller who has sent the whole request is still there',
    source: [
      {
        file: 'src/http/caller-gone.ts',
        from: "outgoing.once('close', () => {",
        to: `const leave = () => controller.abort()
  if (context.env.incoming.closed) leave()
  else context.env.incoming.once('close', leave)
  outgoing.once('close', () => {`,
      },
    ],
  },
  {
    name: 'the lease stays behind when the claim moves on',
    file: 'test/crash/modes.test.ts',
    test: 'a repeated create that takes longer than a lease is left to end, not started over and over',
    source: [
      {
        file: 'src/generations/runner.ts',
        from: 'claimMoved: places.moveEpoch',
        to: 'claimMoved: () => undefined',
      },
    ],
    // What a process works on is also left out of what it reaps, which alone would keep this test green.
    functions: [
      { function: 'claim_reconciling', from: 'AND (id <> ALL (p_working) OR deadline < app_now())', to: '' },
    ],
  },
  {
    name: 'a lost acknowledgement counts as a refusal',
    file: 'test/crash/database-faults.test.ts',
    test: 'an order whose statement still runs when its connection is lost is taken once',
    source: [
      {
        file: 'src/generations/create.ts',
        from: 'return await persist(() => repeatCreate(needs, id, order))',
        to: "throw new AppError('unavailable')",
      },
    ],
  },
  {
    name: 'silent storage is asked for ever',
    file: 'test/crash/storage.test.ts',
    test: 'storage that stays silent holds no credits past the deadline',
    source: [
      {
        file: 'src/generations/reconcile.ts',
        from: 'if (!(error instanceof StorageError) || isInTime(generation)) throw error',
        to: 'if (error) throw error',
      },
    ],
  },
  {
    name: 'a handle is stored at the first try or not at all',
    file: 'test/crash/modes.test.ts',
    test: 'a handle that cannot be stored while the database is away for a moment is stored afterwards',
    source: [
      {
        file: 'src/generations/pending.ts',
        from: 'await persist(() => findRow<{ done: boolean }>(needs.db, pollSql.awaitParts, values))',
        to: 'await findRow<{ done: boolean }>(needs.db, pollSql.awaitParts, values)',
      },
    ],
  },
  {
    name: 'a create under a key is repeated without a pause',
    file: 'test/crash/modes.test.ts',
    test: 'an upstream that loses every answer is asked ever more slowly, as long as there is time to ask',
    source: [
      {
        file: 'src/generations/reconcile.ts',
        from: 'await pause(pauseMs)',
        to: 'await pause(0)',
      },
    ],
  },
  {
    name: 'a cancel uses the reference of the first attempt',
    file: 'test/crash/cancel.test.ts',
    test: 'a cancel of a second try cancels that one at the upstream',
    imported: [
      {
        file: 'src/generations/cancel.ts',
        from: 'rows.filter(each => each.n === n)',
        to: 'rows.filter(each => each.n === 1)',
      },
    ],
  },
  {
    name: 'the start takes a database that may lose acknowledged commits',
    file: 'src/db/check-settings.test.ts',
    test: 'synchronous_commit = off is refused, and the text says what to set',
    imported: [
      {
        file: 'src/db/check-settings.ts',
        from: "row.synchronous_commit === 'off' || row.synchronous_commit === 'local'",
        to: "row.synchronous_commit === 'never'",
      },
    ],
  },
  {
    name: 'addresses that stand in the URL are not checked',
    file: 'src/outbound/refusals.test.ts',
    test: loopbackForms,
    imported: [
      {
        file: 'src/outbound/open-socket.ts',
        from: 'if (isChecked) for (const { address } of addresses)',
        to: 'if (isChecked && !family) for (const { address } of addresses)',
      },
    ],
  },
  {
    name: 'only the first address of a name is checked',
    file: 'src/outbound/refusals.test.ts',
    test: loopbackForms,
    imported: [
      {
        file: 'src/outbound/open-socket.ts',
        from: 'for (const { address } of addresses) check',
        to: 'for (const { address } of addresses.slice(0, 1)) check',
      },
    ],
  },
  {
    name: 'redirects are followed',
    file: 'src/outbound.test.ts',
    test: 'redirects are handed back and never followed',
    imported: [
      {
        file: 'src/outbound.ts',
        from: 'return runExchange({ request, target, connection, flow, release, headersTimeoutMs })',
        to: `const response = await runExchange({ request, target, connection, flow, release, headersTimeoutMs })
      const { location } = response.headers
      if (response.status < 300 || response.status > 399 || !location) return response
      return this.request({ ...request, url: new URL(location, target.url).href }, limits)`,
      },
    ],
  },
  {
    name: 'a process remembers sessions',
    file: 'src/accounts/sessions.test.ts',
    test: 'a session ends half an hour after its last use and twelve hours after sign-in',
    imported: [
      {
        file: 'src/accounts/sessions.ts',
        from: 'const found = await auth.api.getSession({ headers })\n',
        to: `const text = headers.get('cookie') ?? ''
    const remembered = (auth as unknown as { memory?: Map<string, Session> }).memory ?? new Map<string, Session>()
    Object.assign(auth, { memory: remembered })
    const known = remembered.get(text)
    if (known) return known
    const found = await auth.api.getSession({ headers })
    if (found) remembered.set(text, { userId: found.user.id, accountId: '' })\n`,
      },
    ],
  },
  {
    name: 'a generation is found whosever it is',
    file: guards,
    test: 'a stranger is shown nothing of an order, by any of its addresses',
    source: [
      {
        file: 'src/generations/sql.ts',
        from: 'JOIN generation ON id = wanted_id AND account_id = asking_account`',
        to: 'JOIN generation ON id = wanted_id`',
      },
      {
        file: 'src/generations/find.ts',
        from: '[nameOf(row.account_id, row.id), row]',
        to: "[nameOf(wanted[0]?.accountId ?? '', row.id), row]",
      },
    ],
  },
  {
    name: 'tries again are not counted',
    file: retries,
    test: 'gets a tenth more calls at most, though every order may be tried three times',
    source: [{ file: 'src/generations/retry-budget.ts', from: 'if (tokens < 1) return false', to: '' }],
  },
  {
    name: 'an unsure outcome is asked for elsewhere',
    file: retries,
    test: 'never after an answer that leaves open whether the first one worked',
    source: [
      {
        file: 'src/generations/generation.ts',
        from: "unknown_outcome: { action: 'reconcile'",
        to: "unknown_outcome: { action: 'retry'",
      },
      {
        file: 'src/generations/parts.ts',
        from: "if (failure === 'unknown_outcome') return 'unknown'",
        to: "if (failure === 'unknown_outcome') return 'not_run'",
      },
    ],
  },
  {
    name: 'the repeat of a create that did not run goes elsewhere',
    file: retries,
    test: 'never when only the repeat of a create did not run, since the create itself may have',
    source: [
      {
        file: 'src/generations/run.ts',
        from: "if (started.isRepeat && attemptStateOf(kind) === 'not_run')",
        to: "if (started.n < 1 && attemptStateOf(kind) === 'not_run')",
      },
    ],
  },
  {
    name: 'the breaker never opens',
    file: breaker,
    test: 'a row of failures closes the door on one upstream model, at one process, without a hold',
    source: [
      {
        file: 'src/generations/breaker.ts',
        from: 'if (circuit.isOpen || countFailures(circuit.rows[stage]) < limit) return',
        to: 'if (limit > 0) return',
      },
    ],
  },
  {
    name: 'the breaker counts what customers ask wrongly',
    file: breaker,
    test: "customers' mistakes and refused contents never open it",
    source: [
      {
        file: 'src/generations/breaker.ts',
        from: 'content_rejected: false',
        to: 'content_rejected: true',
      },
    ],
  },
  {
    name: 'an open breaker lets every call probe',
    file: breaker,
    test: 'while it is open each process sends one probe a period and no more',
    source: [
      {
        file: 'src/generations/breaker.ts',
        from: 'if (circuit?.isOpen) circuit.probeAtMs = nowMs() + probeEveryMs',
        to: 'void circuit',
      },
    ],
  },
  {
    name: 'one account opens the breaker for all',
    file: breaker,
    test: 'one account whose every order fails closes the door on itself, and on nobody else',
    source: [{ file: 'src/generations/breaker.ts', from: 'Math.min(count, failuresOfOne)', to: 'count' }],
  },
  {
    name: 'a full route takes one more',
    file: pacing,
    test: 'never more orders are begun than a route has places, by however many at once',
    functions: [
      { function: 'take_place', from: '(p_max IS NULL OR in_flight + p_places <= p_max)', to: 'true' },
    ],
  },
  {
    name: 'images of the last minute are forgotten',
    file: pacing,
    test: 'images of a minute are counted to the second, over all that begin them',
    functions: [
      { function: 'shift_minute', from: 'WHEN p_seconds > 60 THEN', to: 'WHEN p_seconds > 30 THEN' },
    ],
  },
  {
    name: 'a window forgets the second that it began in',
    file: pacing,
    test: 'a window of its own holds to the second beside that of a minute, over all that begin',
    functions: [{ function: 'sum_seconds', from: '[1:p_seconds + 1]', to: '[1:p_seconds / 2]' }],
  },
  {
    name: 'places at routes stay taken',
    file: pacing,
    test: 'every end and every way back gives the places back, once',
    statements: ['DROP TRIGGER generation_gives_places_back ON generation'],
  },
  {
    name: 'accounts that wait for a route have no turns',
    file: pacing,
    test: 'a thousand waiting orders of one account make nobody else wait for them',
    functions: [{ function: 'take_place', from: 'turn = coalesce(p_turn, turn)', to: 'turn = turn' }],
  },
  {
    name: 'a repeat joins what its twin has joined',
    file: 'test/races/joins.test.ts',
    test: 'as many parallel retries as there are orders each join another one, and the rest join none',
    imported: [
      {
        file: 'src/generations/sql.ts',
        from: 'AND coalesce(joined_by, 0) < $5 AND',
        to: 'AND coalesce(joined_by, 0) <= $5 AND',
      },
    ],
  },
  {
    name: 'the first order of a period alone is held against the cap',
    file: spendCaps,
    test: 'a refusal of the second cap leaves no trace in the first',
    functions: [{ function: 'complete_order', from: ' WHERE s.spent + v_row.price <= p_caps[i]', to: '' }],
  },
  {
    name: 'what failed stays on the cap',
    file: spendCaps,
    test: 'a capture of a part leaves its part, a release nothing, and both periods agree',
    functions: [
      {
        function: 'settle_released',
        from: 'PERFORM give_back_spending(v_row.spend_scopes, v_row.price)',
        to: 'NULL',
      },
    ],
  },
  ...suiteMutants,
]

/** The mutant of this run, named by MUTANT; null in every ordinary run. */
export function findMutant(): Mutant | null {
  const name = process.env.MUTANT
  if (!name) return null
  const found = mutants.find(each => each.name === name)
  if (!found) throw new Error(`there is no mutant named ${name}`)
  return found
}

/** Changes the functions of a database. Throws when a patch no longer fits. */
export async function mutateDatabase(owner: Db, { functions = [], statements = [] }: Mutant): Promise<void> {
  const run = (text: string, at: string) => owner.query<{ text: string }>({ name: `mutate_${at}`, text })
  for (const name of new Set(functions.map(patch => patch.function))) {
    const read = `SELECT pg_get_functiondef(oid) AS text FROM pg_proc WHERE proname = '${name}'`
    const [found] = await run(read, `read_${name}`)
    const own = functions.filter(patch => patch.function === name)
    const changed = own.reduce((text, patch) => applyPatch(text, { ...patch, file: name }), found?.text ?? '')
    await run(changed, `write_${name}`)
  }
  for (const [at, text] of statements.entries()) await run(text, `statement_${at}`)
}
