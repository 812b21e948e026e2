// How fast one host, by its name, is sent webhooks by this process, whoever named it: enough for any business, too little
// to bring a stranger's server down with endpoints of many accounts.

/** Of one process, to one host. */
export const hostPerSecond = 200

export type HostPace = {
  /** Takes the next turn at the host of the URL; answers in how many milliseconds it comes. */
  takeTurn(url: string): number
}

/** By which a host is counted: a dot at its end makes no other one of it. */
export function hostOf(url: string): string {
  return new URL(url).host.replace(/\.(?=:|$)/, '')
}

/** `now` in milliseconds, of a clock that never goes back. */
export function createHostPace(now: () => number, perSecond = hostPerSecond): HostPace {
  const turnMs = 1_000 / perSecond
  /** When the next turn at a host is. Those in the past are forgotten when they become many. */
  const nextTurn = new Map<string, number>()
  const mostRemembered = 1_000

  function forgetPast(atMs: number): void {
    for (const [host, turnAtMs] of nextTurn) if (turnAtMs <= atMs) nextTurn.delete(host)
  }

  return {
    takeTurn(url) {
      const host = hostOf(url)
      const atMs = now()
      if (nextTurn.size >= mostRemembered) forgetPast(atMs)
      const turnAtMs = Math.max(atMs, nextTurn.get(host) ?? 0)
      nextTurn.set(host, turnAtMs + turnMs)
      return turnAtMs - atMs
    },
  }
}
