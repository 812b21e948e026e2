// Tells the tests of a mutant's run which database server to use; whoever started it ends it.
import type { TestProject } from 'vitest/node'

export function setup(project: TestProject): void {
  project.provide('databaseFolder', process.env.OUTER_DATABASE ?? '')
}
