// docs/providers/matrix.md is written from a run; this holds it to the adapters that there are.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { failureKinds } from '../src/providers/provider.ts'
import { hostedNames } from '../src/providers/registry.ts'

const server = dirname(dirname(fileURLToPath(import.meta.url)))
const adapters = join(server, 'src', 'providers')
const page = readFileSync(join(dirname(server), 'docs', 'providers', 'matrix.md'), 'utf8')

/** It draws by itself and has no upstream that could fail. */
const withoutUpstream = ['sketch']

function listAdapters(): string[] {
  return readdirSync(adapters)
    .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .filter(name => /^export function create\w+Provider\(/m.test(readFileSync(join(adapters, name), 'utf8')))
    .map(name => name.replace(/\.ts$/, ''))
    .filter(name => !withoutUpstream.includes(name))
}

/** The bridge stands there once for each package that it was tried with. */
function isShown(adapter: string): boolean {
  return new RegExp(`^## ${adapter}(?:-\\w+)*$`, 'm').test(page)
}

describe('the matrix of what was seen', () => {
  it('has a part for every adapter, those that take a key among them', () => {
    const all = listAdapters()
    expect(all).toEqual(expect.arrayContaining([...hostedNames, 'ai-sdk']))
    expect(all.filter(adapter => !isShown(adapter))).toEqual([])
  })

  it('shows each adapter lost, refused, and told that nothing ran', () => {
    for (const adapter of listAdapters()) {
      const [part = ''] = page.split(new RegExp(`^## ${adapter}(?:-\\w+)*$`, 'm')).slice(1)
      for (const outcome of ['succeeded', 'unavailable', 'unknown_outcome', 'malformed_response']) {
        expect(part.split('\n## ')[0], adapter).toContain(`\`${outcome}\``)
      }
    }
  })

  it('has a column for every kind of failure', () => {
    const head = page.split('\n').find(line => line.startsWith('| adapter')) ?? ''
    expect(failureKinds.filter(kind => !head.includes(`\`${kind}\``))).toEqual([])
  })
})
