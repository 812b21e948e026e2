// What the tests use of Postman's runner, which ships no types of its own.
declare module 'newman' {
  export type RunOptions = {
    /** A file, or the collection itself. */
    collection: string | object
    envVar: { key: string; value: string }[]
    /** Where files that requests send are looked for. */
    workingDir: string
  }
  export type RunSummary = {
    run: {
      stats: { assertions: { total: number } }
      failures: { source?: { name: string }; error: Error }[]
      executions: { item: { name: string } }[]
    }
  }
  export function run(options: RunOptions, done: (error: Error | null, summary: RunSummary) => void): void
}
