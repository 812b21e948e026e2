// What one check of `doctor` tells.

export type CheckResult = {
  name: string
  status: 'ok' | 'warn' | 'fail'
  message: string
  /** What to do; null when nothing. */
  advice: string | null
}

type Parts = Pick<CheckResult, 'status' | 'message'> & { advice?: string }

export function report(name: string, { status, message, advice }: Parts): CheckResult {
  return { name, status, message, advice: advice ?? null }
}
