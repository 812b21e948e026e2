// RELIABILITY 5.3: a crash test can strike on both sides of whatever moves money or asks an upstream. What has no
// failpoints is listed here with the reason; a new one fails.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { failpoints } from '../src/failpoints.ts'
import { type Exceptions, findBareMoves } from './tidy/failpoints.ts'
import { parseSource, readSources } from './tidy/sources.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const at = (file: string) => `src/generations/${file}`

/** Mentions on the path that have none, and why a crash there is one of those that are tried. */
const exceptions: Exceptions = {
  // Claims: a lease and an epoch. Who dies behind one is a worker that died before it began.
  [at('runner.ts#createRunner sql.claimQueued')]: 'what follows begins with T2.before',
  [at('runner.ts#claimLost sql.claimReconciling')]: 'what follows begins with reconcile.before',
  [at('pacing.ts#createPacing routeSql.claimPaced')]: 'what follows begins with T2.before',
  [at('poller.ts#createPoller pollSql.claim')]: 'what follows begins with poll.before',
  // Questions to an upstream about work that it has: asked again they cost nothing.
  [at('poller.ts#readTask needs.providers.get(provider).poll')]:
    'poll.before stands before it, poll.after where its answer is acted on',
  [at('outputs.ts#findFresh needs.providers.get(work.provider).poll')]:
    'asks where a picture lies, while it is fetched: before manifest.before',
  // When to poll again.
  [at('poller.ts#createRepeats pollSql.repeat')]: 'a poll that is due once more does no harm',
  [at('poll.ts#goOn pollSql.awaitParts')]:
    'what came of parts was noted between parts.before and parts.after',
  [at('run-own.ts#leave pollSql.awaitParts')]: "the account's key cannot be opened: nothing was sent",
  [at('cancel.ts#cancelUpstream pollSql.awaitParts')]: 'the order runs on as before',
  [at('hooks.ts#receiveHook pollSql.hear')]: 'a webhook makes the next poll due, and is none itself',
  // No money, and nothing of an order under way.
  [at('deliver.ts#giveUp sql.markLate')]: 'somebody else has settled the order: this is a note for the bills',
  [at('pacing.ts#createPacing routeSql.stopWaiting')]: 'orders that wait may go another way',
  [at('files.ts#deleteGeneration fileSql.delete')]: 'removes what has ended and is paid',
  [at('retention.ts#sweepRetention fileSql.delete')]: 'removes what has ended and is paid',
  [at('retention.ts#noteRetention fileSql.noteTerm')]: 'a term',
  [at('marks.ts#markLists sql.markList')]: 'marks in lists',
}

test('whatever moves money or asks an upstream stands between two failpoints', () => {
  const findings = findBareMoves(readSources(root, ['src']), exceptions)
  expect(findings.map(({ path, line, rule }) => `${path}:${line}  ${rule}`)).toEqual([])
})

test('every failpoint has its partner', () => {
  const names = new Set<string>(failpoints)
  const partnerOf = (name: string) =>
    name.endsWith('.before') ? name.replace(/before$/, 'after') : name.replace(/after$/, 'before')
  // Behind the answer there is nothing of the path.
  expect(failpoints.filter(name => !names.has(partnerOf(name)))).toEqual(['answer.before'])
})

test('the rule sees a bare statement, a half pair, and what is enclosed by another function only sometimes', () => {
  const sql = parseSource(
    at('sql.ts'),
    "export const sql = { settle: statement('settle', 'SELECT settle($1) AS done'), read: statement('r', 'SELECT 1') }",
  )
  const judge = (text: string, more = '') =>
    findBareMoves(
      [
        sql,
        parseSource(at('x.ts'), `import { sql } from './sql.ts'\n${text}`),
        parseSource(at('y.ts'), `import { end } from './x.ts'\n${more}`),
      ],
      {},
    ).map(({ path, line }) => `${path}:${line}`)
  const call = 'await db.query(sql.settle, [])'
  const around = (body: string) => `await fp('T6.before'); ${body}; await fp('T6.after')`
  const end = (body: string) => `export async function end() { ${body} }`
  const x = [`${at('x.ts')}:2`]
  expect(judge(end(around(call)))).toEqual([])
  expect(judge(end('await db.query(sql.read, [])'))).toEqual([])
  expect(judge(end(call))).toEqual(x)
  expect(judge(end(`await fp('T6.before'); ${call}`))).toEqual(x)
  expect(judge(end(`await fp('T6.before'); ${call}; await fp('T7.after')`))).toEqual(x)
  expect(judge(end('await provider.submit({})'))).toEqual(x)
  expect(judge(end(call), `async function go() { ${around('await end()')} }`)).toEqual([])
  expect(judge(end(call), 'async function go() { await end() }')).toEqual([`${at('y.ts')}:2`])
})
