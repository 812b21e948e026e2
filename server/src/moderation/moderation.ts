// The policy seam: what may be asked for and what may be delivered. The core calls these three verbs and knows
// neither word lists nor providers. Nothing here moves money.

/** A picture to be judged; its bytes are read only by a judge that looks at pictures. */
export type JudgedPicture = { read(): Promise<Buffer> }

export type Verdict = { isFlagged: boolean; categories: string[] }

/** One way to judge. Rejects with JudgeDown when it cannot tell. */
export type Judge = {
  judgeText(text: string): Promise<Verdict>
  /** Null: this judge does not look at pictures. */
  judgePicture: ((picture: JudgedPicture) => Promise<Verdict>) | null
}

/** The judge cannot be asked, or did not answer in words we know. */
export class JudgeDown extends Error {
  override name = 'JudgeDown'
}

export type Moderation = {
  /** Whether anything is judged before an order is taken. */
  checksInput: boolean
  /** Whether results are looked at before delivery: then no unfinished picture may be shown either. */
  checksOutput: boolean
  /**
   * Throws AppError `rate_limited` (too many blocked results today) or `forbidden` (too many refusals). Costs
   * nothing: the state is sampled.
   */
  refuseAccount(accountId: string): void
  /** Throws AppError `content_rejected`, or `unavailable` when the judge is down and the setting says refuse. */
  checkInput(order: { accountId: string; texts: string[]; pictures: JudgedPicture[] }): Promise<void>
  /** The indexes of pictures that must not be delivered. Rejects with JudgeDown as `checkInput` refuses. */
  checkOutput(
    order: { accountId: string; generationId: string },
    pictures: JudgedPicture[],
  ): Promise<number[]>
  /** Reads anew who is to be refused; called every second. */
  refresh(): Promise<void>
}
