// Moderation at work: asks the judge, acts when it is down as the operator chose, counts refusals, and knows whom to
// refuse outright. That last is a sample at most a second or two old: it costs no order a round trip.
import type { Db } from '../db/db.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'
import { type Judge, JudgeDown, type JudgedPicture, type Moderation, type Verdict } from './moderation.ts'
import { addStrike, listStruck, type Stage } from './strikes.ts'

export type ModerationNeeds = {
  db: Db
  log: Pick<Log, 'info' | 'warn' | 'error'>
  metrics: Pick<Metrics, 'moderation'>
  now: () => Date
  /** Null: nothing is judged, yet accounts over their limits are refused all the same. */
  judge: Judge | null
  checksOutput: boolean
  onFailure: 'refuse' | 'pass'
  /** Refusals by our own checks before an account is refused; 0 = never. */
  strikes: number
  /** Accounts with too many blocked results today; null = no limit. */
  listCapped: (() => Promise<string[]>) | null
}

/** A judge that hiccups is asked once more before the caller is told. */
const inputTries = 2

export function createModeration(needs: ModerationNeeds): Moderation {
  const { judge } = needs
  let struck = new Set<string>()
  let capped = new Set<string>()
  return {
    checksInput: judge !== null,
    checksOutput: needs.checksOutput && judge?.judgePicture != null,
    refuseAccount(accountId) {
      if (struck.has(accountId)) {
        const message = 'The safety check has refused this account too often; ask the operator.'
        throw new AppError('content_rejected', message, { reason: 'account_refused' })
      }
      if (capped.has(accountId)) {
        throw new AppError('rate_limited', 'Too many results of this account were refused today.', {
          retryAfterSeconds: secondsToMidnight(needs.now()),
          reason: 'blocked_results',
        })
      }
    },
    async checkInput({ accountId, texts, pictures }) {
      if (!judge) return
      const verdict = await judgeInput(needs, judge, { texts, pictures })
      if (!verdict?.isFlagged) return
      await note(needs, accountId, { stage: 'input', categories: verdict.categories })
      throw new AppError('content_rejected', 'The content was refused by a safety check.')
    },
    async checkOutput({ accountId, generationId }, pictures) {
      if (!judge?.judgePicture || !needs.checksOutput) return []
      const verdicts = await judgeOutput(needs, judge, pictures)
      const flagged = verdicts.flatMap((verdict, index) => (verdict.isFlagged ? [index] : []))
      if (flagged.length === 0) return []
      const categories = [...new Set(verdicts.flatMap(each => each.categories))]
      await note(needs, accountId, { stage: 'output', categories, generationId })
      return flagged
    },
    async refresh() {
      const [nowStruck, nowCapped] = await Promise.all([
        needs.strikes > 0 ? listStruck(needs.db, needs.strikes) : [],
        needs.listCapped ? needs.listCapped() : [],
      ])
      struck = new Set(nowStruck)
      capped = new Set(nowCapped)
    },
  }
}

/** Null: the judge is down, and the operator chose to let pass. */
async function judgeInput(
  needs: ModerationNeeds,
  judge: Judge,
  { texts, pictures }: { texts: string[]; pictures: JudgedPicture[] },
): Promise<Verdict | null> {
  const judgePicture = judge.judgePicture
  for (let tries = 1; ; tries += 1) {
    try {
      const verdicts = await Promise.all([
        judge.judgeText(texts.join('\n')),
        ...(judgePicture ? pictures.map(picture => judgePicture(picture)) : []),
      ])
      return count(needs, 'input', verdicts)
    } catch (error) {
      if (!(error instanceof JudgeDown)) throw error
      if (tries < inputTries) continue
      if (tell(needs, 'input', error) === 'pass') return null
      throw new AppError('unavailable', 'The safety check is not available right now.', {
        retryAfterSeconds: 5,
        cause: error,
      })
    }
  }
}

async function judgeOutput(
  needs: ModerationNeeds,
  { judgePicture }: Judge,
  pictures: JudgedPicture[],
): Promise<Verdict[]> {
  try {
    const verdicts = judgePicture ? await Promise.all(pictures.map(picture => judgePicture(picture))) : []
    count(needs, 'output', verdicts)
    return verdicts
  } catch (error) {
    if (!(error instanceof JudgeDown) || tell(needs, 'output', error) !== 'pass') throw error
    return []
  }
}

function count(needs: ModerationNeeds, stage: Stage, verdicts: Verdict[]): Verdict {
  const isFlagged = verdicts.some(verdict => verdict.isFlagged)
  needs.metrics.moderation.inc({ stage, outcome: isFlagged ? 'refused' : 'passed' })
  return { isFlagged, categories: [...new Set(verdicts.flatMap(({ categories }) => categories))] }
}

function tell(needs: ModerationNeeds, stage: Stage, error: JudgeDown): 'refuse' | 'pass' {
  needs.metrics.moderation.inc({ stage, outcome: 'down' })
  const record = { event: 'moderation.down', stage, err: error, cause: error.cause }
  needs.log.error(
    record,
    needs.onFailure === 'pass' ? 'unchecked content passes' : 'content is refused unchecked',
  )
  return needs.onFailure
}

/** Categories, never the words: prompts do not belong into a log. */
async function note(
  needs: ModerationNeeds,
  accountId: string,
  refusal: { stage: Stage; categories: string[]; generationId?: string },
): Promise<void> {
  needs.log.info({ event: 'content.refused', accountId, ...refusal }, 'content was refused by a safety check')
  if (needs.strikes === 0) return
  const strikes = await addStrike(needs.db, accountId, refusal)
  if (strikes !== needs.strikes) return
  needs.log.warn({ event: 'account.refused', accountId, strikes }, 'an account has its last strike')
}

function secondsToMidnight(now: Date): number {
  const dayMs = 86_400_000
  return Math.max(1, Math.ceil((dayMs - (now.getTime() % dayMs)) / 1000))
}

/** Both must let pass; what one cannot judge the other may. */
export function joinJudges(judges: readonly Judge[]): Judge {
  const lookers = judges.flatMap(({ judgePicture }) => (judgePicture ? [judgePicture] : []))
  return {
    judgeText: async text => join(await Promise.all(judges.map(judge => judge.judgeText(text)))),
    judgePicture:
      lookers.length === 0
        ? null
        : async picture => join(await Promise.all(lookers.map(look => look(picture)))),
  }
}

function join(verdicts: Verdict[]): Verdict {
  return {
    isFlagged: verdicts.some(({ isFlagged }) => isFlagged),
    categories: [...new Set(verdicts.flatMap(({ categories }) => categories))],
  }
}
