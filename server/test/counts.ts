// How often the reliability suites repeat each row of their plan: `PROOF=1` runs the numbers named there, every
// other run at least a twentieth of them and never none. Time limits of a row follow its count.

/** True in a proof run: full counts, and rows about time assert real times. */
export const isProof = process.env.PROOF === '1'

/** A twentieth of the full count, rounded up, but not fewer than `least`; the full count in a proof run. */
export function countOf(full: number, least = 1): number {
  return isProof ? full : Math.max(least, Math.ceil(full / 20))
}

/** Repetitions of races, the ledger model, limits and overload. */
export const raceCounts = {
  // L-1: rounds of 200 parallel orders.
  overspendRounds: countOf(20, 3),
  // I-1: rounds of 100 parallel identical orders, each kind.
  oneKeyRounds: countOf(20, 2),
  // L-2: rounds of 30 requests released by their last byte.
  lastByteRounds: countOf(50, 5),
  // L-4: holds, each resolved by 8 at once.
  doubleResolutions: countOf(500, 40),
  // L-6: command sequences of the model, each of at most 60 commands.
  modelSequences: countOf(2_000),
  // L-7: schedules of the awaits.
  schedules: countOf(5_000),
  // L-8: histories of 12 operations.
  histories: countOf(1_000),
  // L-9: a spend on one node, a read on another.
  readYourWrites: countOf(5_000),
  // L-15: seconds of load on one account.
  hotAccountSeconds: countOf(60),
  // L-16: concurrent generations, and how long each upstream call takes in milliseconds.
  slowCalls: countOf(200, 60),
  slowCallMs: countOf(30_000),
  // L-2: rounds of 30 cancels released by their last byte, one in three of them around the end of the order.
  cancelRounds: countOf(50, 12),
  // I-2: orders of each kind of end, shown again at four ages.
  replayedOrders: countOf(5),
  // I-5: orders that another body comes for under their key, and those that the same one comes for, written otherwise.
  mismatches: countOf(500),
  rewritten: countOf(200),
  // L-11: orders of four images for each number that came.
  partialOrders: countOf(20, 3),
  // G-6: callers that leave at each point.
  disconnects: countOf(50, 4),
  // G-16: seconds at ten times the capacity.
  overloadSeconds: countOf(120),
  // G-17: generations one tenant queues.
  queuedByOne: countOf(500, 200),
  // G-18: rounds of 200 parallel orders against a cap of 5.
  capRounds: countOf(20, 3),
  // K-6: rounds of 50 parallel orders against a cap on spending.
  spendCapRounds: countOf(20, 2),
  // 2.6: rounds of 20 parallel retries of six orders.
  joinRounds: countOf(100, 5),
  // G-19: windows used up at full speed.
  rateRounds: countOf(20, 3),
} as const

/** Repetitions of crashes, faults and mutants. */
export const crashCounts = {
  // G-1: rounds over every failpoint, action and kind of call; one pass visits each of them, never fewer.
  failpointRounds: countOf(5),
  // I-12: kills at each of them, each kind of call; with both kinds twenty for every point of the crash table.
  failpointKills: countOf(10),
  // G-1: rounds over every mode of the upstream at every point that it can lead to.
  failpointModeRounds: countOf(5),
  failpointTimeoutMs: isProof ? 7_200_000 : 900_000,
  // 5.5 and 5.10: kills over all seeds, 1,000 of them in a proof run, and never fewer than 300.
  killSeeds: isProof ? 10 : 3,
  killsPerSeed: 100,
  killsPerDatabaseCrash: isProof ? 45 : 60,
  naiveKills: countOf(200, 25),
  killLoopTimeoutMs: 900_000,
  // Kills of nodes while two upstreams with limits fail in turns.
  chaosKills: countOf(200, 12),
  // G-2, G-22: rounds of every fault at once.
  upstreamFaults: countOf(20),
  // L-14: lost acknowledgements, half of them committed.
  lostCommits: countOf(200, 12),
  // L-13: kills of all of PostgreSQL while holds are taken.
  postgresKills: countOf(20, 2),
  // G-21: crashes of the database under load.
  databaseCrashes: countOf(10, 2),
  databaseTimeoutMs: isProof ? 900_000 : 600_000,
  // G-5: orders while workers stall; G-9: orders that run while all nodes are stopped.
  staleGenerations: countOf(500, 60),
  gracefulGenerations: countOf(50, 15),
  // I-11: kills during a create that may be repeated.
  repeatedCreates: countOf(100),
  // G-7: results after the deadline.
  lateResults: countOf(100),
  // G-8: cancels around a success.
  cancelRaces: countOf(500),
  // G-3: orders whose first tries did not run, each kind.
  retriedOrders: countOf(300),
  // G-12: seconds at 20 orders a second to an upstream that refuses them all.
  outageSeconds: countOf(60),
  // G-13: seconds of watching the probes of an open breaker.
  probingSeconds: countOf(120, 8),
  // W-8: kills of whoever sends webhooks, ten events for each.
  webhookKills: countOf(200),
  webhookKillsTimeoutMs: isProof ? 3_600_000 : 600_000,
} as const

/** Repetitions of what comes in: pictures, addresses, uploads. */
export const inputCounts = {
  // M-6: damaged files of twelve kinds.
  mutations: countOf(20_000),
  // M-6: seconds of coverage-guided fuzzing.
  guidedSeconds: countOf(3_600),
  // S-1: generated forms of private addresses, at each entry.
  addressForms: countOf(5_000),
  // K-3: look-ups of a text that begins as a live key, and as many of others.
  timedLookUps: countOf(20_000),
  // S-3: fetches from a name whose address flips.
  rebinding: countOf(1_000),
  // S-5: addresses that parsers disagree on.
  parserUrls: countOf(300, 60),
} as const
