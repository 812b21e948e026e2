// Guards the judgement of URLs: who may name what, and that one parse decides.
import { expect, test } from 'vitest'
import { createTargetJudge } from './target.ts'

const judge = createTargetJudge({
  allow: ['127.0.0.1:9000', 'LOCALHOST:9001', '[::1]:9002', 'emulator.test:80'],
  configuredOrigins: ['https://api.images.example/v1', 'http://engine:7860'],
  ownHosts: ['darkroom.example'],
  extraPorts: [8443],
})

function verdict(url: string, trust: 'configured' | 'upstream' | 'customer' = 'customer'): string {
  const target = judge(url, trust)
  if ('refused' in target) return 'refused'
  return `${target.isChecked ? 'checked' : 'trusted'}${target.isPooled ? ', pooled' : ''}`
}

test('a configured origin is trusted for the operator and its upstream, never for a customer', () => {
  for (const trust of ['configured', 'upstream'] as const) {
    expect(verdict('https://api.images.example/v1/generations', trust)).toBe('trusted, pooled')
    expect(verdict('http://engine:7860/sdapi', trust)).toBe('trusted, pooled')
    expect(verdict('https://cdn.images.example/a.png', trust)).toBe('checked')
    expect(verdict('http://engine:7861/', trust)).toBe('refused')
    expect(verdict('https://api.images.example:444/', trust)).toBe('refused')
  }
  expect(verdict('https://api.images.example/v1')).toBe('checked')
  expect(verdict('http://engine:7860/sdapi')).toBe('refused')
})

test('the allow list lifts checks for exactly its host and port', () => {
  expect(verdict('http://127.0.0.1:9000/hook')).toBe('trusted')
  expect(verdict('https://127.0.0.1:9000/hook')).toBe('trusted')
  expect(verdict('http://localhost:9001/')).toBe('trusted')
  expect(verdict('http://[0:0::1]:9002/')).toBe('trusted')
  expect(verdict('http://emulator.test/')).toBe('trusted')
  for (const url of ['http://127.0.0.1:9001/', 'http://127.0.0.2:9000/', 'http://x.127.0.0.1:9000/']) {
    expect(verdict(url)).toBe('refused')
  }
  expect(verdict('http://user@127.0.0.1:9000/')).toBe('refused')
})

test('beyond those only https on 443 and the configured ports is asked for', () => {
  expect(verdict('https://pictures.example/')).toBe('checked')
  expect(verdict('HTTPS://PICTURES.EXAMPLE:443/')).toBe('checked')
  expect(verdict('https://pictures.example:8443/')).toBe('checked')
  for (const port of [22, 25, 80, 2375, 5432, 6379, 9200, 8080])
    expect(verdict(`https://pictures.example:${port}/`)).toBe('refused')
  for (const scheme of ['http', 'file', 'data', 'gopher', 'ftp', 'ws', 'blob:https', 'javascript'])
    expect(verdict(`${scheme}://pictures.example/`)).toBe('refused')
})

test('names of the inside, of clouds and of ourselves are refused before any look-up', () => {
  const names = [
    'localhost',
    'LOCALHOST',
    'localhost.',
    'a.localhost',
    'metadata.google.internal',
    'instance-data',
  ]
  const more = [
    'printer.local',
    'db.internal',
    'db.internal.',
    'metadata',
    'metadata.goog',
    'router.home.arpa',
    'postgres',
  ]
  const own = ['darkroom.example', 'DARKROOM.example.', 'ⓓarkroom.example']
  for (const name of [...names, ...more, ...own])
    expect([name, verdict(`https://${name}/`)]).toEqual([name, 'refused'])
  expect(verdict('https://localhost.example/')).toBe('checked')
  expect(verdict('https://notdarkroom.example/')).toBe('checked')
})

test('credentials and text that is no URL are refused, and what parsers disagree on is judged as it is used', () => {
  const refused = [
    'https://a:b@pictures.example/',
    'https://pictures.example@localhost/',
    'https://@',
    '',
    '//x.example',
  ]
  for (const url of [
    ...refused,
    'pictures.example',
    'https://[::1%25lo]/',
    'https://a b.example/',
    'https://%00.example/',
  ])
    expect([url, verdict(url)]).toEqual([url, 'refused'])
  const parsed: [string, string][] = [
    ['https://pictures.example\\@127.0.0.1/', 'pictures.example'],
    ['https://pictures.example#@127.0.0.1/', 'pictures.example'],
    ['https://pictures.example?@127.0.0.1/', 'pictures.example'],
    ['https://127.0.0.1\t/', '127.0.0.1'],
    ['https:pictures.example/', 'pictures.example'],
    ['https:\\\\pictures.example', 'pictures.example'],
    ['https://①②⑦.⓪.⓪.①/', '127.0.0.1'],
    ['https://127。0。0。1/', '127.0.0.1'],
    ['https://0x7f.1/', '127.0.0.1'],
    ['https://0177.0.0.01/', '127.0.0.1'],
    ['https://127.0.0.1./', '127.0.0.1'],
  ]
  for (const [text, hostname] of parsed) {
    const target = judge(text, 'customer')
    expect([text, 'url' in target && target.url.hostname]).toEqual([text, hostname])
    expect('url' in target && target.isChecked).toBe(true)
  }
})

test('rules that are not valid are refused at the start', () => {
  const rules = { allow: [], configuredOrigins: [], ownHosts: [], extraPorts: [] }
  for (const entry of [
    'localhost',
    'localhost:',
    ':80',
    'a b:80',
    'http://x:80',
    'x:99999',
    'x:0',
    'x:80/path',
    '*:80',
  ]) {
    expect([entry, isRefused(() => createTargetJudge({ ...rules, allow: [entry] }))]).toEqual([entry, true])
  }
  for (const origin of ['api.example', 'ftp://x.example', '']) {
    expect(isRefused(() => createTargetJudge({ ...rules, configuredOrigins: [origin] }))).toBe(true)
  }
})

function isRefused(build: () => unknown): boolean {
  try {
    build()
    return false
  } catch {
    return true
  }
}
