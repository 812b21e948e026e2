// What a process does besides answering: wakes on notifications and sweeps. Every node ends what ran out of time and
// looks at the books; workers do the rest. The rows decide who wins, so no leader is needed.
import { sweepAccounts } from './accounts/accounts.ts'
import { noteSecret } from './accounts/secret-seen.ts'
import { sampleMargins } from './books/margin.ts'
import { checkBooks } from './credits/check-books.ts'
import { fullCheckLimitMs } from './credits/ledger.ts'
import { sweepFiles } from './generations/files.ts'
import { leaveMarkAtStart } from './generations/installation.ts'
import { sweepLeftovers } from './generations/leftovers.ts'
import { markLists } from './generations/marks.ts'
import { noteRetention, sampleRetention, sweepRetention } from './generations/retention.ts'
import { sampleRoutes } from './generations/route-states.ts'
import { createScrub } from './generations/scrub.ts'
import { forgetSpent, sweepStrays } from './generations/strays.ts'
import { sweepDeadlines } from './generations/sweep.ts'
import { type Periodic, type PeriodicTask, startPeriodic } from './jobs/periodic.ts'
import { refreshEveryMs } from './keyring/keyring.ts'
import { keepMail, sampleMail } from './mail/keep.ts'
import { createMailEvents } from './mail/observe.ts'
import { readModelLists } from './models/read-lists.ts'
import type { Services } from './services.ts'
import { purgeUploads } from './uploads/uploads.ts'
import { endUnproven, pruneDeliveries, sampleDeliveries } from './webhooks/keep.ts'
import { createDeliveryEvents } from './webhooks/observe.ts'

const second = 1_000
const minute = 60 * second

/** What is lost between two looks is lost beyond the cap. */
const lossLookEveryMs = 5 * second

/** Accounts touched so recently are checked every minute. */
const recentMs = 15 * minute
const fullCheckEveryMs = 24 * 60 * minute
/** The first look at everything, so that a process which is replaced every day has one at all. */
const firstFullCheckMs = 60 * minute

export type Work = { stop(): Promise<void> }

export type WorkTuning = {
  runsGenerations: boolean
  sweepEveryMs: number
  /** Between two looks at the books of accounts touched of late. */
  checkEveryMs: number
  /** Between two looks at whether the list of an upstream's models is due. */
  listsEveryMs: number
}

export const defaultCheckEveryMs = minute
export const defaultListsEveryMs = 10 * minute

export async function startWork(services: Services, tuning: WorkTuning): Promise<Work> {
  const { db, runner, settled, log } = services
  const { keyring, lives } = services
  await leaveMarkAtStart(services)
  const stopListening = [
    await db.listen('generation_settled', id => settled.announce(id, null)),
    await db.listen('provider_keys', keyring.note, { onReconnect: () => keyring.note('') }),
    await db.listen('model_life', lives.note, { onReconnect: lives.note }),
  ]
  if (tuning.runsGenerations) {
    const fill = () => {
      runner.fill().catch(error => log.error({ event: 'claim.failed', err: error }, 'claiming work failed'))
    }
    stopListening.push(await db.listen('generation_queued', fill))
    const poll = () => {
      runner.poll().catch(error => log.error({ event: 'poll.failed', err: error }, 'claiming polls failed'))
    }
    stopListening.push(await db.listen('poll_due', poll))
    stopListening.push(await db.listen('webhook_queued', () => sendWebhooks(services)))
  }
  await services.queue.refresh()
  await services.moderation.refresh()
  const stopping = new AbortController()
  const tasks = [
    ...servingTasks(services),
    ...caringTasks(services, tuning),
    ...(tuning.runsGenerations
      ? [
          ...runningTasks(services, tuning),
          ...bookTasks(services, stopping.signal),
          {
            ...{ name: 'models.read', everyMs: tuning.listsEveryMs },
            run: () => readModelLists(services, stopping.signal),
          },
        ]
      : []),
  ]
  const periodic: Periodic = startPeriodic(tasks, { log, pulse: services.pulse, random: Math.random })
  return {
    async stop() {
      stopping.abort()
      await periodic.stop()
      await Promise.all(stopListening.map(stop => stop()))
    },
  }
}

function sendWebhooks({ deliverer, log }: Services): void {
  deliverer
    .fill()
    .catch(error => log.error({ event: 'webhook.claim_failed', err: error }, 'claiming webhooks failed'))
}

function webhookTasks(services: Services, sweepEveryMs: number): PeriodicTask[] {
  const { db, deliverer, metrics, config, log } = services
  const events = createDeliveryEvents(log, metrics)
  return [
    // Twice as often as generations are swept: a retry is due at a time that no notification tells.
    { name: 'webhooks.send', everyMs: sweepEveryMs / 2, run: () => deliverer.fill() },
    { name: 'webhooks.sample', everyMs: 10 * second, run: () => sampleDeliveries({ db, metrics }) },
    { name: 'webhooks.end_unproven', everyMs: minute, run: () => endUnproven({ db, events }) },
    { name: 'webhooks.prune', everyMs: 10 * minute, run: () => pruneDeliveries(db, config.webhookLogDays) },
  ]
}

function mailTasks({ db, mailer, log, metrics }: Services, everyMs: number): PeriodicTask[] {
  const events = createMailEvents(log, metrics)
  // Also where nobody is told by mail: letters are written all the same, and end.
  const keeping = { name: 'mail.keep', everyMs: 10 * minute, run: () => keepMail({ db, events }) }
  if (mailer === null) return [keeping]
  return [
    keeping,
    { name: 'mail.send', everyMs, run: () => mailer.fill() },
    { name: 'mail.sample', everyMs: 10 * second, run: () => sampleMail({ db, metrics }) },
  ]
}

function servingTasks(services: Services): PeriodicTask[] {
  const { db, queue, settled, answered, runner, metrics } = services
  return [
    { name: 'queue.sample', everyMs: second, isWatched: true, run: () => queue.refresh() },
    { name: 'moderation.sample', everyMs: second, run: () => services.moderation.refresh() },
    { name: 'storage.probe', everyMs: second, run: () => services.storage.probe() },
    { name: 'keys.refresh', everyMs: refreshEveryMs, run: () => services.keyring.refresh() },
    { name: 'models.refresh', everyMs: refreshEveryMs, run: () => services.lives.refresh() },
    { name: 'secret.note', firstMs: second, everyMs: minute, run: () => noteSecret(services) },
    { name: 'losses.look', everyMs: lossLookEveryMs, run: services.lookAtLosses },
    { name: 'waiters.poll', everyMs: second, run: () => settled.poll(db, runner.runs) },
    { name: 'answered.flush', everyMs: second / 4, run: () => answered.flush() },
    { name: 'runner.sample', everyMs: second, run: async () => metrics.running.set(runner.running()) },
  ]
}

/** Neither needs a worker, and where no worker runs nobody else would end holds or see that they stay open. */
function caringTasks(services: Services, { sweepEveryMs, checkEveryMs }: WorkTuning): PeriodicTask[] {
  return [
    {
      ...{ name: 'deadlines.sweep', everyMs: sweepEveryMs, isWatched: true },
      run: beat => sweepDeadlines(services, beat),
    },
    {
      name: 'invariants.recent',
      everyMs: checkEveryMs,
      run: () => checkBooks(services, { scope: 'recent', ageMs: recentMs }),
    },
  ]
}

function runningTasks(services: Services, { sweepEveryMs }: WorkTuning): PeriodicTask[] {
  const { db, runner, leaseMs } = services
  return [
    // Due polls and the rows of dead workers, whatever wake-up was lost.
    { name: 'work.sweep', everyMs: sweepEveryMs, isWatched: true, run: () => runner.sweep() },
    { name: 'queue.claim', everyMs: sweepEveryMs, isWatched: true, run: () => runner.fill() },
    // A third of the lease: two renewals may fail before anybody takes over.
    { name: 'routes.letGo', everyMs: sweepEveryMs, run: () => services.pacing.letGo() },
    { name: 'routes.fill', everyMs: second, run: () => fillPaced(services) },
    { name: 'routes.flush', everyMs: 3 * second, run: () => services.routeHealth.flush() },
    { name: 'routes.sample', everyMs: 10 * second, run: () => sampleRoutes(services) },
    { name: 'leases.renew', everyMs: leaseMs / 3, run: () => runner.renewLeases() },
    { name: 'lists.mark', everyMs: minute, run: () => markLists(db) },
    { name: 'files.sweep', everyMs: 10 * second, run: () => sweepFiles(services) },
    { name: 'uploads.purge', everyMs: 10 * minute, run: () => purgeUploads(services) },
    { name: 'leftovers.sweep', everyMs: sweepEveryMs, run: () => sweepLeftovers(services) },
    { name: 'strays.sweep', everyMs: sweepEveryMs, run: () => sweepStrays(services) },
    ...retentionTasks(services, sweepEveryMs),
    { name: 'notes.forget', everyMs: 10 * minute, run: () => forgetSpent(db) },
    ...scrubTasks(services),
    ...webhookTasks(services, sweepEveryMs),
    ...mailTasks(services, sweepEveryMs),
    { name: 'accounts.sweep', everyMs: 10 * minute, run: () => sweepAccounts(db) },
  ]
}

function retentionTasks(services: Services, everyMs: number): PeriodicTask[] {
  const { retentionDays } = services.config
  const sweep = () => sweepRetention(services, retentionDays)
  const note = async () => void (await noteRetention(services, retentionDays))
  return [
    // Also without a term: this worker keeps everything, and then all must.
    { name: 'retention.note', firstMs: second, everyMs: minute, run: note },
    ...(retentionDays === 0 ? [] : [{ name: 'retention.sweep', everyMs, run: sweep }]),
    { name: 'retention.sample', everyMs: minute, run: () => sampleRetention(services) },
  ]
}

/** Images of a minute come back second by second. */
async function fillPaced({ pacing, runner }: Services): Promise<void> {
  if (pacing.needsTicks()) await runner.fill()
}

function bookTasks(services: Services, signal: AbortSignal): PeriodicTask[] {
  const all = { scope: 'all', limitMs: fullCheckLimitMs, signal } as const
  return [
    {
      name: 'margins.sample',
      firstMs: 5 * minute,
      everyMs: 60 * minute,
      run: () => sampleMargins(services, services.config.creditPriceUsdMicro),
    },
    {
      name: 'invariants.all',
      firstMs: firstFullCheckMs,
      everyMs: fullCheckEveryMs,
      run: () => checkBooks(services, all),
    },
  ]
}

function scrubTasks(services: Services): PeriodicTask[] {
  const { scrubPerHour } = services.config
  if (scrubPerHour === 0) return []
  const scrub = createScrub(services, () => performance.now())
  return [{ name: 'scrub', everyMs: (60 * minute) / scrubPerHour, run: scrub.step }]
}
