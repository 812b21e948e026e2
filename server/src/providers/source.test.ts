// Keys that come and go while the service runs.
import { expect, test } from 'vitest'
import { readConfig } from '../config.ts'
import { createProviderSource } from './source.ts'

const open = (env: Record<string, string> = {}) => createProviderSource(readConfig(env))

test('a provider is there from its first key on, and no longer than its last', () => {
  const source = open()
  expect([source.names(), source.has('openai'), source.get('openai')]).toEqual([['sketch'], false, undefined])
  source.setKeys(new Map([['openai', 'sk-database']]))
  expect(source.names()).toEqual(['openai', 'sketch'])
  expect(source.get('openai')?.name).toBe('openai')
  source.setKeys(new Map())
  expect([source.names(), source.has('openai')]).toEqual([['sketch'], false])
})

test('a key of the database goes before that of the environment, which returns when it is removed', () => {
  const source = open({ OPENAI_API_KEY: 'sk-environment' })
  const first = source.get('openai')
  source.setKeys(new Map([['openai', 'sk-database']]))
  const second = source.get('openai')
  expect(second).not.toBe(first)
  // The same key again is the same provider: what it remembers is not lost to every look at the database.
  source.setKeys(new Map([['openai', 'sk-database']]))
  expect(source.get('openai')).toBe(second)
  source.setKeys(new Map())
  expect(source.get('openai')).toBeDefined()
  expect(source.keys()).toEqual(['sk-environment', 'sk-database'])
})

test('names and keys are the same arrays until they change, which is how others notice', () => {
  const source = open({ OPENAI_API_KEY: 'sk-environment' })
  const [names, keys] = [source.names(), source.keys()]
  source.setKeys(new Map())
  expect([source.names(), source.keys()].map((each, at) => each === [names, keys][at])).toEqual([true, true])
  source.setKeys(new Map([['google', 'AIza-database']]))
  expect([source.names() === names, source.keys() === keys]).toEqual([false, false])
})

test('an engine works without a key, takes one of the database, and accounts may bring theirs as long as it has one', () => {
  const source = open({ OPENAI_COMPATIBLE_BASE_URL: 'http://gpu-1:8080/v1' })
  const takes = () => source.takesOwnKeys('openai-compatible')
  const keyless = source.get('openai-compatible')
  expect([keyless?.name, takes()]).toEqual(['openai-compatible', false])
  source.setKeys(new Map([['openai-compatible', 'token-of-the-database']]))
  expect([source.get('openai-compatible') === keyless, takes()]).toEqual([false, true])
  expect(source.keys()).toContain('token-of-the-database')
  source.setKeys(new Map())
  expect([source.has('openai-compatible'), takes()]).toEqual([true, false])
  expect(['openai', 'sketch', 'nobody'].map(source.takesOwnKeys)).toEqual([true, false, false])
})

test('a package is a provider from its first key on, and takes those of accounts without one', () => {
  const source = open({ AI_SDK_PROVIDERS: 'luma=@ai-sdk/luma' })
  expect([source.has('luma'), source.takesOwnKeys('luma')]).toEqual([false, true])
  expect(source.withKey('luma', 'luma-key-of-a-customer')?.name).toBe('luma')
  source.setKeys(new Map([['luma', 'luma-key-of-the-database']]))
  expect(source.names()).toEqual(['luma', 'sketch'])
})

test('a name without an adapter takes no key', () => {
  const source = open()
  source.setKeys(new Map([['nobody', 'x']]))
  expect(source.names()).toEqual(['sketch'])
  expect([source.withKey('nobody', 'x'), source.withKey('sketch', 'x')]).toEqual([null, null])
  expect(source.withKey('openai', 'sk-customer')?.name).toBe('openai')
})
