// Reads the folder of workflow templates, once at start: every `.json` in it is one, under the name of its file.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseWorkflow, type Workflow, WorkflowError } from './workflow.ts'

/** Throws WorkflowError with every mistake of every file. */
export function loadWorkflows(folder: string): ReadonlyMap<string, Workflow> {
  const problems: string[] = []
  const workflows = new Map<string, Workflow>()
  for (const file of listFiles(folder)) {
    const name = file.replace(/\.json$/, '')
    const say = (path: string, message: string) => void problems.push(`${file}: ${path}: ${message}`)
    let content: unknown
    try {
      content = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    } catch (error) {
      say(
        'file',
        error instanceof SyntaxError ? `is no JSON (${error.message})` : `cannot be read (${error})`,
      )
      continue
    }
    const workflow = parseWorkflow(name, content, say)
    if (workflow !== null) workflows.set(name, workflow)
  }
  if (problems.length > 0) throw new WorkflowError(problems)
  return workflows
}

function listFiles(folder: string): string[] {
  let files: string[]
  try {
    files = readdirSync(folder).filter(file => file.endsWith('.json') && !file.startsWith('.'))
  } catch (error) {
    throw new WorkflowError([`${folder}: cannot be read (${error instanceof Error ? error.message : error})`])
  }
  if (files.length === 0)
    throw new WorkflowError([`${folder}: there is no workflow, no file that ends with .json`])
  return files.sort()
}
