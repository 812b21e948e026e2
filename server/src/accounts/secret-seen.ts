// Whether all nodes sign and seal with the same secret: each says now and then, by a fingerprint, which one it holds.
// Two at once mean sessions and links that hold at one node and not at the next.
import { hkdfSync } from 'node:crypto'
import type { Queryable } from '../db/db.ts'
import type { Log } from '../log.ts'
import * as sql from './sql.ts'

/** Said so recently, a node still runs with it. Some minutes longer than the pause between two times. */
const SEEN_LATELY_S = 180

/** Of a secret that is derived from ours, so that it helps nobody to find it; 64 bits tell a few secrets apart. */
export function fingerprintOf(secret: string): string {
  return Buffer.from(hkdfSync('sha256', secret, 'darkroom', 'fingerprint/1', 8)).toString('hex')
}

export type SecretSeen = { fingerprint: string; process: string }

/** The secrets that nodes hold now, each with the process that said so last. */
export function listSecretsSeen(db: Queryable): Promise<SecretSeen[]> {
  return db.query<SecretSeen>(sql.selectSecretsSeen, [SEEN_LATELY_S])
}

/** Says which one is held here, and tells the log of others. */
export async function noteSecret(needs: {
  db: Queryable
  log: Pick<Log, 'error'>
  processName: string
  secretPrint: string
}): Promise<void> {
  await needs.db.query(sql.noteSecretSeen, [needs.secretPrint, needs.processName])
  const others = (await listSecretsSeen(needs.db)).filter(
    ({ fingerprint }) => fingerprint !== needs.secretPrint,
  )
  const [other] = others
  if (!other) return
  needs.log.error(
    { event: 'secret.differs', count: others.length, process: other.process },
    'another node has another secret: set the same AUTH_SECRET on all',
  )
}
