// How long a generation has left. The database's clock decides: its rows say how much was left when they were read.
// A process only counts that down, on a clock that nobody sets, so its own time may be wrong by any amount.

/** A moment on the process's monotonic clock, milliseconds. */
export type Countdown = { endsAtMs: number }

/** Starts to count `leftMs` down; it is negative when the time was up before. */
export function startCountdown(leftMs: number): Countdown {
  return { endsAtMs: performance.now() + leftMs }
}

/** Whole milliseconds, as timers want them; negative when the time is up. */
export function timeLeftMs({ endsAtMs }: Countdown): number {
  return Math.floor(endsAtMs - performance.now())
}
