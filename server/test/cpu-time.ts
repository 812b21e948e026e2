// What work costs this process in time of processors: unlike the time on the wall, it does not grow while others are at work.

/** The least of some runs, in milliseconds. */
export async function cpuMsOf(run: () => unknown, runs = 3): Promise<number> {
  const spent: number[] = []
  for (let nth = 0; nth < runs; nth += 1) {
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    spent.push((user + system) / 1_000)
  }
  return Math.min(...spent)
}

/** How often the event loop turned until the work was done. Work that holds it up lets it turn a few times at most. */
export async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const turn = () => {
    turns += 1
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await work.finally(() => {
    isOver = true
  })
  return turns
}
