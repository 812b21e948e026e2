// A template that cannot work is refused at start, with everything that is wrong in it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadWorkflows } from './load-workflows.ts'
import { WorkflowError } from './workflow.ts'

const node = { class_type: 'CLIPTextEncode', inputs: { text: 'x', clip: ['4', 1], strength: 1 } }
const loader = { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'a' } }
const good = { slots: { prompt: '6.text' }, workflow: { '4': loader, '6': node } }

describe('a folder of workflows', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'workflows-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  async function problemsOf(files: Record<string, unknown>): Promise<string[]> {
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
    }
    try {
      loadWorkflows(folder)
    } catch (error) {
      if (error instanceof WorkflowError) return error.problems
      throw error
    }
    return []
  }

  it('is read by the names of its files', async () => {
    expect(await problemsOf({ 'portrait.json': good, 'notes.txt': 'no workflow' })).toEqual([])
    expect([...loadWorkflows(folder).keys()]).toEqual(['portrait'])
  })

  it('tells every mistake of every file, each by its place', async () => {
    const problems = await problemsOf({
      'a.json': '{',
      'b.json': {
        ...good,
        slots: { prompt: '6.words', seed: '9.seed', width: '6.strength', mask: '6.strength' },
      },
      'c.json': { ...good, slots: { prompt: '6.clip', references: [] }, outputs: ['77'], speed: 1 },
    })
    expect(problems).toEqual([
      expect.stringMatching(/^a\.json: file: is no JSON/),
      'b.json: slots.prompt: node 6 (CLIPTextEncode) has no input words; it has text, clip, strength',
      'b.json: slots.seed: there is no node 9',
      'b.json: slots.mask: the input strength of node 6 (CLIPTextEncode) is no string',
      'b.json: slots: width and height belong together',
      'c.json: speed: unknown field',
      'c.json: slots.prompt: the input clip of node 6 comes from another node; name the input there',
      'c.json: slots.references: expected at least one input',
      'c.json: outputs: there is no node 77',
    ])
  })

  it.each([
    ['what the editor saves', { nodes: [], links: [] }, 'Export (API)'],
    ['what the editor exports, bare', { '4': loader, '6': node }, 'put the nodes under "workflow"'],
    ['an order without a prompt', { ...good, slots: { seed: '6.strength' } }, 'slots.prompt: missing'],
    ['a link into nothing', { ...good, workflow: { '6': node } }, 'comes from node 4, which is not there'],
    ['a list', [], 'expected an object'],
  ])('says what to do about %s', async (_, content, words) => {
    expect((await problemsOf({ 'x.json': content })).join('\n')).toContain(words)
  })

  it('refuses a folder that is empty or not there', async () => {
    expect(await problemsOf({})).toEqual([expect.stringContaining('there is no workflow')])
    expect(() => loadWorkflows(join(folder, 'gone'))).toThrow('cannot be read')
  })
})
