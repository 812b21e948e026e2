// What the pool promises its callers, against a real server and through a proxy that breaks connections.
import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, getTestServer, silentLog, type TestDatabase } from '../../test/database.ts'
import { type FaultProxy, startFaultProxy } from '../../test/fault-proxy.ts'
import { AppError } from '../errors.ts'
import {
  assertNoTransaction,
  connectDatabase,
  findDatabaseError,
  isAmbiguous,
  sqlStateOf,
} from './connect.ts'
import { allStatements, type Db, type Statement } from './db.ts'

let database: TestDatabase
let proxy: FaultProxy
const opened: Db[] = []

function sql(text: string, name = `test_${createHash('md5').update(text).digest('hex')}`): Statement {
  return { name: name.slice(0, 63), text }
}

/** A pool of one connection through the proxy, so that a test knows which connection it breaks. */
async function connectThroughProxy(): Promise<Db> {
  const db = await connectDatabase({
    url: proxy.through(database.appUrl),
    maxConnections: 1,
    statementTimeoutMs: 5_000,
    acquireTimeoutMs: 2_000,
    prepare: true,
    log: silentLog,
  })
  opened.push(db)
  return db
}

async function readNames(): Promise<string[]> {
  const rows = await database.db.query<{ name: string }>(sql('SELECT name FROM probe ORDER BY name'))
  return rows.map(row => row.name)
}

const insertName = sql('INSERT INTO probe (name) VALUES ($1)', 'insert_name')

beforeAll(async () => {
  database = await createTestDatabase()
  await database.ownerDb.query(sql('CREATE TABLE probe (name text PRIMARY KEY, amount bigint)'))
  await database.ownerDb.query(sql('GRANT SELECT, INSERT, UPDATE, DELETE ON probe TO darkroom_app'))
  proxy = await startFaultProxy({ host: '127.0.0.1', port: (await getTestServer()).embedded.port })
})
afterEach(async () => {
  await proxy.setMode({ kind: 'pass' })
  for (const db of opened.splice(0)) await db.close()
  await database.db.query(sql('DELETE FROM probe'))
})
afterAll(async () => {
  await proxy.close()
  await database.drop()
})

test('every connection carries the three timeouts and compiles no statement', async () => {
  const [row] = await database.db.query<Record<string, string>>(
    sql(`SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
      current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('jit') AS jit`),
  )
  expect(row).toEqual({ statement: '30s', lock: '5s', idle: '10s', jit: 'off' })
})

test('an integer beyond 2^53 is an error, never a nearby number', async () => {
  const select = sql('SELECT $1::bigint AS amount')
  expect(await database.db.query(select, ['9007199254740991'])).toEqual([{ amount: 9007199254740991 }])
  expect(await database.db.query(select, ['-9007199254740991'])).toEqual([{ amount: -9007199254740991 }])
  for (const beyond of ['9007199254740992', '-9007199254740993', '9223372036854775807']) {
    await expect(database.db.query(select, [beyond])).rejects.toThrow('beyond 2^53')
  }
  const array = sql('SELECT $1::bigint[] AS amounts')
  expect(await database.db.query(array, [[1, null, -5]])).toEqual([{ amounts: [1, null, -5] }])
  await expect(database.db.query(array, [['9007199254740993']])).rejects.toThrow('beyond 2^53')
  // Numeric stays text.
  expect(await database.db.query(sql('SELECT 1.10::numeric AS n'))).toEqual([{ n: '1.10' }])
})

test('values arrive as Date, Buffer, text and parsed JSON', async () => {
  const [row] = await database.db.query(
    sql(`SELECT '2026-01-02T03:04:05.678Z'::timestamptz AS t, '\\x00ff'::bytea AS b,
      '00000000-0000-0000-0000-000000000001'::uuid AS u, '{"a":[1]}'::jsonb AS j, '2026-01-02'::date AS d`),
  )
  expect(row).toEqual({
    t: new Date('2026-01-02T03:04:05.678Z'),
    b: Buffer.from([0, 255]),
    u: '00000000-0000-0000-0000-000000000001',
    j: { a: [1] },
    d: '2026-01-02',
  })
})

test('a transaction commits as one, and leaves nothing when its work throws', async () => {
  await database.db.transaction(async tx => {
    await tx.query(insertName, ['a'])
    await tx.query(insertName, ['b'])
  })
  const oops = new Error('oops')
  const failed = database.db.transaction(async tx => {
    await tx.query(insertName, ['c'])
    throw oops
  })
  await expect(failed).rejects.toBe(oops)
  expect(await readNames()).toEqual(['a', 'b'])
})

test('a swallowed failure inside a transaction cannot pass for a commit', async () => {
  const attempt = database.db.transaction(async tx => {
    await tx.query(insertName, ['a'])
    await tx.query(insertName, ['a']).catch(() => undefined)
  })
  await expect(attempt).rejects.toThrow('rolled back')
  expect(await readNames()).toEqual([])
})

test('statements started together in a transaction run one after the other', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `n${String(index).padStart(2, '0')}`)
  await database.db.transaction(async tx => {
    await Promise.all(names.map(name => tx.query(insertName, [name])))
  })
  expect(await readNames()).toEqual(names)
})

test('code inside a transaction is known to be, across awaits, and code after it is not', async () => {
  expect(() => assertNoTransaction('a call')).not.toThrow()
  let leftBehind: Promise<void> = Promise.resolve()
  let goOn: () => void = () => undefined
  await database.db.transaction(async tx => {
    await tx.query(sql('SELECT 1'))
    expect(() => assertNoTransaction('an outbound request')).toThrow('an outbound request inside a database')
    leftBehind = new Promise<void>(resolve => {
      goOn = resolve
    }).then(() => assertNoTransaction('work that outlived it'))
  })
  goOn()
  await expect(leftBehind).resolves.toBeUndefined()
})

test('a transaction in a transaction, and a statement beside it on another connection, are refused', async () => {
  const nested = database.db.transaction(async () => await database.db.transaction(async () => 1))
  await expect(nested).rejects.toThrow('a transaction inside a database transaction')
  const beside = database.db.transaction(async () => await database.db.query(insertName, ['x']))
  await expect(beside).rejects.toThrow('on another connection inside a database transaction')
  expect(await readNames()).toEqual([])
})

test('a transaction object is dead after its transaction', async () => {
  const tx = await database.db.transaction(async own => own)
  await expect(tx.query(insertName, ['late'])).rejects.toThrow('after its transaction ended')
})

test('an error of our own functions carries its SQLSTATE and detail and is no outage', async () => {
  const raise = sql(`DO $$ BEGIN RAISE EXCEPTION 'too few' USING ERRCODE = 'DR001', DETAIL = '5,0'; END $$`)
  const error = await database.db.query(raise).catch(caught => caught)
  expect(error).not.toBeInstanceOf(AppError)
  expect(sqlStateOf(error)).toBe('DR001')
  expect(findDatabaseError(error)?.detail).toBe('5,0')
  expect(isAmbiguous(error)).toBe(false)
  await database.db.query(insertName, ['twice'])
  const twin = await database.db.query(insertName, ['twice']).catch(caught => caught)
  expect(sqlStateOf(twin)).toBe('23505')
  expect(findDatabaseError(twin)?.constraint).toBe('probe_pkey')
})

/** A promise that is resolved from elsewhere. */
function makeGate(): { passed: Promise<void>; open(): void } {
  let open: () => void = () => undefined
  const passed = new Promise<void>(resolve => {
    open = resolve
  })
  return { passed, open: () => open() }
}

test('a lock that does not come in time is unavailable and certain, and the connection lives on', async () => {
  const db = await connectDatabase({
    url: database.appUrl,
    maxConnections: 1,
    statementTimeoutMs: 5_000,
    lockTimeoutMs: 50,
    prepare: true,
    log: silentLog,
  })
  opened.push(db)
  await db.query(insertName, ['locked'])
  const backend = sql('SELECT pg_backend_pid() AS pid')
  const before = await db.query(backend)
  const locked = makeGate()
  const done = makeGate()
  const holder = database.db.transaction(async tx => {
    await tx.query(sql("UPDATE probe SET amount = 1 WHERE name = 'locked'"))
    locked.open()
    await done.passed
  })
  await locked.passed
  const update = sql("UPDATE probe SET amount = 2 WHERE name = 'locked'", 'update_locked')
  const error = await db.query(update).catch(caught => caught)
  expect(error).toBeInstanceOf(AppError)
  expect([sqlStateOf(error), isAmbiguous(error)]).toEqual(['55P03', false])
  done.open()
  await holder
  expect(await db.query(backend)).toEqual(before)
})

test('callers beyond the pool wait, and then are told unavailable with nothing sent', async () => {
  const db = await connectDatabase({
    url: database.appUrl,
    maxConnections: 1,
    statementTimeoutMs: 5_000,
    acquireTimeoutMs: 100,
    prepare: true,
    log: silentLog,
  })
  opened.push(db)
  const busy = makeGate()
  const done = makeGate()
  const holder = db.transaction(async () => {
    busy.open()
    await done.passed
  })
  await busy.passed
  const error = await db.query(insertName, ['x']).catch(caught => caught)
  expect(error).toMatchObject({ code: 'unavailable' })
  expect(isAmbiguous(error)).toBe(false)
  done.open()
  await holder
})

test('a database that is not there is unavailable at once, never ambiguous', async () => {
  const db = await connectThroughProxy()
  await proxy.setMode({ kind: 'refuse' })
  const error = await db.query(insertName, ['x']).catch(caught => caught)
  const again = await db.query(insertName, ['x']).catch(caught => caught)
  expect([error, again]).toMatchObject([{ code: 'unavailable' }, { code: 'unavailable' }])
  expect(isAmbiguous(again)).toBe(false)
  await proxy.setMode({ kind: 'pass' })
  await db.query(insertName, ['after'])
  expect(await readNames()).toEqual(['after'])
})

test('a COMMIT whose answer was lost is ambiguous, whether it happened or not', async () => {
  for (const forward of [true, false]) {
    const db = await connectThroughProxy()
    await proxy.setMode({ kind: 'cutAtCommit', forward })
    const name = forward ? 'arrived' : 'vanished'
    const error = await db.transaction(tx => tx.query(insertName, [name])).catch(caught => caught)
    expect(error).toMatchObject({ code: 'unavailable' })
    expect(isAmbiguous(error)).toBe(true)
  }
  expect(await readNames()).toEqual(['arrived'])
})

test('a single statement whose answer was lost is ambiguous, whether it happened or not', async () => {
  for (const forward of [true, false]) {
    const db = await connectThroughProxy()
    await proxy.setMode({ kind: 'cutAtCommit', forward, marker: insertName.name })
    const error = await db.query(insertName, [forward ? 'arrived' : 'vanished']).catch(caught => caught)
    expect(error).toMatchObject({ code: 'unavailable' })
    expect(isAmbiguous(error)).toBe(true)
  }
  expect(await readNames()).toEqual(['arrived'])
})

test('a connection lost before COMMIT is certain: nothing was committed', async () => {
  const db = await connectThroughProxy()
  await proxy.setMode({ kind: 'cutAtCommit', forward: true, marker: insertName.name })
  const error = await db.transaction(tx => tx.query(insertName, ['x'])).catch(caught => caught)
  expect(error).toMatchObject({ code: 'unavailable' })
  expect(isAmbiguous(error)).toBe(false)

  const swallowing = await connectThroughProxy()
  const swallowed = swallowing.transaction(async tx => {
    await tx.query(insertName, ['y']).catch(() => undefined)
  })
  await expect(swallowed).rejects.toMatchObject({ code: 'unavailable' })
  expect(isAmbiguous(await swallowed.catch(caught => caught))).toBe(false)
  expect(await readNames()).toEqual([])
})

test('a session the server ends does not end the process, and the next statement gets a new one', async () => {
  const db = await connectThroughProxy()
  const [row] = await db.query<{ pid: number }>(sql('SELECT pg_backend_pid() AS pid'))
  const terminate = sql('SELECT pg_terminate_backend($1)')
  const running = db.query(sql('SELECT pg_sleep(20)')).catch(caught => caught)
  await database.ownerDb.query(sql('SELECT 1'))
  const admin = (await getTestServer()).admin
  await admin.query(terminate, [row?.pid])
  const error = await running
  expect(error).toMatchObject({ code: 'unavailable' })
  expect(sqlStateOf(error)).toBe('57P01')
  const [next] = await db.query<{ pid: number }>(sql('SELECT pg_backend_pid() AS pid'))
  expect(next?.pid).not.toBe(row?.pid)
})

test('a server that no longer answers is given up, and the connection is not used again', async () => {
  const db = await connectDatabase({
    url: proxy.through(database.appUrl),
    maxConnections: 1,
    statementTimeoutMs: 100,
    answerGraceMs: 100,
    acquireTimeoutMs: 2_000,
    prepare: true,
    log: silentLog,
  })
  opened.push(db)
  await db.query(insertName, ['before'])
  await proxy.setMode({ kind: 'halfOpen' })
  const error = await db.query(insertName, ['x']).catch(caught => caught)
  expect(error).toMatchObject({ code: 'unavailable' })
  expect(isAmbiguous(error)).toBe(true)
  await proxy.setMode({ kind: 'pass' })
  await db.query(insertName, ['after'])
  expect(await readNames()).toContain('after')
})

test('a plan that a migration made stale costs one refusal, then works', async () => {
  await database.ownerDb.query(sql('CREATE TABLE shape (a int)'))
  await database.ownerDb.query(sql('GRANT SELECT ON shape TO darkroom_app'))
  const db = await connectThroughProxy()
  const select = sql('SELECT * FROM shape', 'select_shape')
  await db.query(select)
  await database.ownerDb.query(sql('ALTER TABLE shape ADD b int'))
  const error = await db.query(select).catch(caught => caught)
  expect(error).toMatchObject({ code: 'unavailable' })
  expect(isAmbiguous(error)).toBe(false)
  expect(await db.query(select)).toEqual([])
})

test('without prepared names the same statements work, and leave none behind', async () => {
  const db = await connectDatabase({
    url: database.appUrl,
    maxConnections: 1,
    statementTimeoutMs: 5_000,
    prepare: false,
    log: silentLog,
  })
  opened.push(db)
  await db.query(insertName, ['plain'])
  await db.transaction(tx => tx.query(insertName, ['inside']))
  expect(await db.query(sql('SELECT count(*) AS n FROM pg_prepared_statements'))).toEqual([{ n: 0 }])
  expect(await readNames()).toEqual(['inside', 'plain'])
})

test('behind a pooler they are settings of the role, set over the direct connection', async () => {
  const role = `pooled_${new URL(database.appUrl).pathname.slice(1)}`
  const { admin } = await getTestServer()
  await admin.query(sql(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`))
  const directUrl = new URL(database.adminUrl)
  directUrl.username = role
  directUrl.password = 'secret'
  await admin.query(sql(`GRANT CONNECT ON DATABASE ${directUrl.pathname.slice(1)} TO ${role}`))
  const db = await connectDatabase({
    url: proxy.through(directUrl.toString()),
    directUrl: directUrl.toString(),
    maxConnections: 1,
    statementTimeoutMs: 1_234,
    prepare: false,
    log: silentLog,
  })
  const [row] = await db.query(
    sql("SELECT current_setting('statement_timeout') AS t, current_setting('jit') AS jit"),
  )
  expect(row).toEqual({ t: '1234ms', jit: 'off' })
  await db.close()
})

test('no two statements share a name', () => {
  const names = allStatements().map(item => item.name)
  expect(new Set(names).size).toBe(names.length)
  expect(names.every(name => name.length <= 63)).toBe(true)
})
