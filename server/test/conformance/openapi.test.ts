// The OpenAPI documents that a running service serves: two linters by their recommended rules, and what neither of
// them asks for, an example of every body and the errors of every operation.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dialects } from '../../src/models/options.ts'
import { createRig, type Rig } from '../harness.ts'

type Media = { schema?: object; example?: unknown; examples?: object }
type Response = { description?: string; content?: Record<string, Media> }
type Operation = {
  operationId?: string
  summary?: string
  description?: string
  tags?: string[]
  security?: object[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, Response>
}
type Served = { name: string; file: string; document: { paths: Record<string, Record<string, Operation>> } }

let rig: Rig
let folder: string
let served: Served[]

/** The service's own comes first. */
beforeAll(async () => {
  rig = await createRig()
  const node = await rig.startNode()
  folder = mkdtempSync(join(tmpdir(), 'darkroom-openapi-'))
  served = []
  for (const name of ['openapi', ...dialects.map(dialect => `openapi/${dialect}`)]) {
    const answer = await fetch(`${node.url}/${name}.json`)
    expect(answer.status, name).toBe(200)
    const text = await answer.text()
    const file = join(folder, `${name.replace('/', '-')}.json`)
    writeFileSync(file, text)
    served.push({ name, file, document: JSON.parse(text) as Served['document'] })
  }
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await rig.close()
})

const modules = join(dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url))))), 'node_modules')

/** The program's output, whatever its exit code: that says only whether there were errors. */
async function run(program: string, args: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    REDOCLY_TELEMETRY: 'off',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
  }
  const options = { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 }
  const path = join(modules, program)
  return promisify(execFile)(process.execPath, [path, ...args], options).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? '',
  )
}

const listOperations = ({ document }: Served) =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => /^(?:get|put|post|patch|delete)$/.test(method))
      .map(([method, operation]) => ({ method, path, operation })),
  )

test('the whole and each dialect have a document', () => {
  const names = ['getimages', 'getimg', 'gptimage2', 'imgeo', 'native', 'openai']
  expect(served.map(({ name }) => name).sort()).toEqual(['openapi', ...names.map(name => `openapi/${name}`)])
  for (const each of served) expect(listOperations(each).length, each.name).toBeGreaterThan(2)
})

test('Redocly finds nothing by its recommended rules, not even to warn of', async () => {
  for (const { name, file } of served) {
    const text = await run('@redocly/cli/bin/cli.js', [
      'lint',
      '--extends',
      'recommended',
      '--format',
      'json',
      file,
    ])
    const { problems } = JSON.parse(text.slice(text.indexOf('{'))) as { problems: { message: string }[] }
    expect(problems, name).toEqual([])
  }
})

test('Spectral finds nothing by its recommended rules, not even a hint', async () => {
  const rules = join(folder, 'rules.json')
  writeFileSync(rules, JSON.stringify({ extends: [['spectral:oas', 'recommended']] }))
  const files = served.map(({ file }) => file)
  const args = ['lint', '--ruleset', rules, '--format', 'json', '--quiet', ...files]
  const text = await run('@stoplight/spectral-cli/dist/index.js', args)
  const findings = JSON.parse(text) as { code: string; path: unknown[]; source: string }[]
  expect(findings.map(({ code, path, source }) => [code, path.join('/'), source])).toEqual([])
})

test('the linters do find what is wrong', async () => {
  const [whole] = served
  const broken = structuredClone(whole?.document ?? { paths: {} })
  const [[, item] = ['', {}]] = Object.entries(broken.paths)
  for (const operation of Object.values(item)) {
    delete operation.description
    delete operation.summary
  }
  const file = join(folder, 'broken.json')
  writeFileSync(file, JSON.stringify(broken))
  const redocly = await run('@redocly/cli/bin/cli.js', [
    'lint',
    '--extends',
    'recommended',
    '--format',
    'json',
    file,
  ])
  expect(redocly).toContain('operation-summary')
  const rules = join(folder, 'rules.json')
  const spectral = await run('@stoplight/spectral-cli/dist/index.js', [
    'lint',
    '-r',
    rules,
    '-f',
    'json',
    file,
  ])
  expect(spectral).toContain('operation-description')
})

test('every operation shows an example of each body that it takes and answers', () => {
  for (const each of served) {
    for (const { method, path, operation } of listOperations(each)) {
      const bodies = [
        ...Object.entries(operation.requestBody?.content ?? {}),
        ...Object.values(operation.responses).flatMap(({ content }) => Object.entries(content ?? {})),
      ]
      for (const [mediaType, { example, examples, schema }] of bodies) {
        // Bytes of pictures have none.
        if ((schema as { format?: string } | undefined)?.format === 'binary') continue
        const name = `${each.name} ${method} ${path} ${mediaType}`
        expect(example ?? Object.values(examples ?? {})[0], name).toBeDefined()
      }
    }
  }
})

/** There another method is no address: 404. */
const withoutMethods = /^\/(?:files|v2\/downloads|api\/auth)\//

test('every path documents what another method is answered, but for the contract that is closed', () => {
  for (const each of served) {
    for (const { method, path, operation } of listOperations(each)) {
      const isClosed = operation.tags?.some(tag => ['Images', 'Account'].includes(tag)) ?? false
      const said = Object.hasOwn(operation.responses, '405')
      expect(said, `${each.name} ${method} ${path}`).toBe(!isClosed && !withoutMethods.test(path))
    }
  }
})

test('every operation documents its errors, each with what it says', () => {
  for (const each of served) {
    for (const { method, path, operation } of listOperations(each)) {
      const name = `${each.name} ${method} ${path}`
      const statuses = Object.keys(operation.responses)
      const needsKey = operation.security === undefined || operation.security.length > 0
      if (needsKey) expect(statuses, name).toContain('401')
      // Reads of some dialects have no limit.
      if (needsKey && operation.requestBody) expect(statuses, name).toContain('429')
      if (operation.requestBody) expect(statuses, name).toEqual(expect.arrayContaining(['400', '500']))
      expect(statuses.filter(status => status.startsWith('4')).length, name).toBeGreaterThan(0)
      if (needsKey && !/^\/api\/v1\/(?:images|account|usage)/.test(path))
        expect(statuses, name).toEqual(expect.arrayContaining(['500', '503']))
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        expect(description, `${name} ${status}`).toMatch(/\S/)
        // A range that cannot be satisfied is answered by its headers alone.
        if (Number(status) < 400 || status === '416') continue
        expect(content?.['application/json']?.schema, `${name} ${status}`).toBeDefined()
      }
    }
  }
})
