// Guards the configuration: defaults, every problem at once, no secret repeated, the page in step with the table.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { renderSettings } from './commands/settings-page.ts'
import { ConfigError, listTwins, publicOrigin, readConfig, secretsOf } from './config.ts'
import { decideSandbox, isBuiltInOffered, type SandboxFacts } from './sandbox.ts'
import { settingGroups } from './settings.ts'

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('an empty environment starts a sandbox on this machine only', () => {
  const config = readConfig({})
  expect(config).toMatchObject({
    host: '127.0.0.1',
    port: 8787,
    publicUrl: null,
    database: null,
    dataDir: resolve('data'),
    storageUrl: `file:${resolve('data/images')}`,
    providers: { openai: { apiKey: null, baseUrl: 'https://api.openai.com/v1' }, google: { apiKey: null } },
    signupCredits: 10,
    creditPriceUsdMicro: 10_000,
    deadlineSyncMs: 270_000,
    deadlineAsyncMs: 600_000,
    dbPrepare: true,
    interimResponses: false,
    logPrompts: false,
    allowInsecureCookies: false,
    outboundAllow: [],
    sandbox: { setting: 'auto', hasPaymentKey: false, isLocal: true, builtIn: 'auto' },
  })
  expect(publicOrigin(config, 4321)).toBe('http://127.0.0.1:4321')
})

test('an empty value is an unset one, as compose files write it', () => {
  const empty = Object.fromEntries(settingGroups.flatMap(group => group.settings.map(one => [one.name, ' '])))
  expect(readConfig(empty)).toEqual(readConfig({}))
})

test('every default in the table is what the parser uses', () => {
  const defaults = settingGroups.flatMap(group => group.settings).filter(one => one.default !== '')
  const secrets = settingGroups
    .flatMap(group => group.settings)
    // The key of an engine of one's own is nothing without its address.
    .filter(one => /_API_(KEY|TOKEN)$/.test(one.name) && !one.name.startsWith('OPENAI_COMPATIBLE'))
  const keys = Object.fromEntries(secrets.map(one => [one.name, 'k']))
  const explicit = Object.fromEntries(defaults.map(one => [one.name, one.default]))
  expect(readConfig({ ...explicit, ...keys })).toEqual(readConfig(keys))
})

test('all problems are told at once, each by its variable', () => {
  const problems = problemsOf({
    PORT: '99999',
    PUBLIC_URL: 'https://example.com/path',
    DATABASE_URL: 'mysql://x',
    LOG_LEVEL: 'loud',
    SIGNUP_CREDITS: '-1',
    CREDIT_PRICE_USD: '0.0000001',
    DARKROOM_SANDBOX: 'maybe',
    OUTBOUND_ALLOW: 'http://127.0.0.1:80',
    AUTH_SECRET: 'short',
    LOG_PROMPTS: 'yes',
    OPENAI_BASE_URL: 'ftp://x',
    STORAGE_URL: '/srv/images',
  })
  const named = problems.map(problem => problem.split(' ')[0])
  for (const name of [
    'PORT',
    'PUBLIC_URL',
    'DATABASE_URL',
    'LOG_LEVEL',
    'SIGNUP_CREDITS',
    'CREDIT_PRICE_USD',
  ]) {
    expect(named).toContain(name)
  }
  for (const name of ['DARKROOM_SANDBOX', 'OUTBOUND_ALLOW', 'AUTH_SECRET', 'LOG_PROMPTS']) {
    expect(named).toContain(name)
  }
  expect(problems).toContain('LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent')
  expect(problems).toContain('PORT must be a whole number from 0 to 65535')
})

test('no value is ever repeated in a problem, because it may be a secret', () => {
  const secret = 'hunter22hunter22'
  const names = settingGroups.flatMap(group => group.settings.map(one => one.name))
  for (const name of names) expect(problemsOf({ [name]: secret }).join()).not.toContain(secret)
})

test('contradictions are refused', () => {
  const url = 'postgres://app@db.example.com/darkroom'
  const contradictions: Record<string, string>[] = [
    { DATABASE_OWNER_URL: url },
    { DATABASE_DIRECT_URL: url },
    { DATABASE_URL: url, DB_PREPARE: 'off' },
    { FILES_URL: 'https://files.example.com' },
    { GENERATION_DEADLINE_SYNC_S: '300', GENERATION_DEADLINE_ASYNC_S: '200' },
  ]
  for (const env of contradictions) expect([env, problemsOf(env).length]).toEqual([env, 1])
})

test('plans are read with their limits; anything else is refused', () => {
  const plan = { gptimage2: true, capMonth: null, rate: null, inFlight: null }
  expect(readConfig({}).plans).toEqual([
    { ...plan, name: 'free', gptimage2: false },
    { ...plan, name: 'pro' },
    { ...plan, name: 'max' },
  ])
  const PLANS =
    'basic gptimage2=off cap-month=500 , team rate=6000/1h in-flight=20, all rate=off in-flight=off'
  expect(readConfig({ PLANS }).plans).toEqual([
    { ...plan, name: 'basic', gptimage2: false, capMonth: 500 },
    { ...plan, name: 'team', rate: { requests: 6_000, windowS: 3_600 }, inFlight: 20 },
    { ...plan, name: 'all', rate: 'off', inFlight: 'off' },
  ])
  for (const wrong of [
    ...['Free', 'a,,b', 'a, a', 'a cap-month=0', 'a cap-month=1.5', 'a rate=5', 'a rate=0/1h', 'a rate=5/2d'],
    ...[
      'a in-flight=0',
      'a gptimage2=maybe',
      'a colour=red',
      'a cap-month',
      'a rate=5/1week',
      'a cap-month=1=2',
    ],
  ]) {
    expect([wrong, problemsOf({ PLANS: wrong }).length]).toEqual([wrong, 1])
  }
})

test('replaced secrets are a list, each as long as a secret, and are never repeated in a refusal', () => {
  const [one, other] = ['one-secret-of-thirty-two-letters.', 'another-secret-of-thirty-two-lett']
  expect(readConfig({ AUTH_SECRET_EARLIER: `${one}, ${other}` }).earlierAuthSecrets).toEqual([one, other])
  expect(readConfig({}).earlierAuthSecrets).toEqual([])
  const problems = problemsOf({ AUTH_SECRET_EARLIER: `${one},tooshort` })
  expect(problems).toEqual([expect.stringContaining('AUTH_SECRET_EARLIER')])
  expect(problems.join()).not.toMatch(/tooshort|one-secret/)
})

test('the roles of an external database fall back on one another', () => {
  const url = 'postgres://app@pool.example.com/darkroom'
  const directUrl = 'postgres://app@db.example.com/darkroom'
  expect(readConfig({ DATABASE_URL: url }).database).toEqual({ url, directUrl: url, ownerUrl: url })
  const pooled = readConfig({ DATABASE_URL: url, DATABASE_DIRECT_URL: directUrl, DB_PREPARE: 'off' })
  expect(pooled.database).toEqual({ url, directUrl, ownerUrl: directUrl })
})

test('a credit price is an exact integer of micro-dollars', () => {
  const price = (text: string) => readConfig({ CREDIT_PRICE_USD: text }).creditPriceUsdMicro
  expect(price('0.01')).toBe(10_000)
  expect(price('0.000001')).toBe(1)
  expect(price('1.1')).toBe(1_100_000)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999_999_999_999 }), micro => {
      const text = `${Math.floor(micro / 1_000_000)}.${String(micro % 1_000_000).padStart(6, '0')}`
      expect(price(text)).toBe(micro)
    }),
  )
  for (const text of ['0', '0.0', '-1', '1e-2', '.5', '0,01', 'NaN']) {
    expect(problemsOf({ CREDIT_PRICE_USD: text })).toHaveLength(1)
  }
})

test('outbound targets are exact hosts with a port', () => {
  const allow = readConfig({ OUTBOUND_ALLOW: '127.0.0.1:9000, Engine.lan:80,[::1]:8080' }).outboundAllow
  expect(allow).toEqual(['127.0.0.1:9000', 'engine.lan:80', '[::1]:8080'])
  for (const text of ['*:80', 'host', 'host:0', 'host:99999', 'a b:80']) {
    expect(problemsOf({ OUTBOUND_ALLOW: text })).toHaveLength(1)
  }
})

const sandboxOf = (env: Record<string, string>, providers: string[] = []) =>
  decideSandbox({ ...readConfig(env).sandbox, providers })

test('the automatic sandbox is on only without any sign of a real installation', () => {
  const quiet = {
    setting: 'auto',
    providers: [],
    hasPaymentKey: false,
    isLocal: true,
    builtIn: 'auto',
  } as const
  expect(decideSandbox(quiet)).toMatchObject({ on: true, warning: null })
  expect(decideSandbox({ ...quiet, providers: ['openai'] })).toMatchObject({ on: false, warning: null })
  for (const sign of [{ hasPaymentKey: true }, { isLocal: false }]) {
    const state = decideSandbox({ ...quiet, ...sign })
    expect(state.on).toBe(false)
    expect(state.warning).toMatch(/sandbox stays off/)
  }
  expect(sandboxOf({ PUBLIC_URL: 'http://localhost:8787' }).on).toBe(true)
  expect(sandboxOf({ PUBLIC_URL: 'http://[::1]:8787' }).on).toBe(true)
  expect(sandboxOf({ PUBLIC_URL: 'https://images.example.com' }).on).toBe(false)
  expect(sandboxOf({ PUBLIC_URL: 'https://localhost.example.com' }).on).toBe(false)
  expect(sandboxOf({ STRIPE_SECRET_KEY: 'x' }).on).toBe(false)
  expect(sandboxOf({}, ['google']).on).toBe(false)
})

test('on and off are obeyed, and a forced sandbox beside real keys is warned of', () => {
  expect(sandboxOf({ DARKROOM_SANDBOX: 'off' })).toMatchObject({ on: false })
  expect(sandboxOf({ DARKROOM_SANDBOX: 'ON' })).toMatchObject({ on: true, warning: null })
  const forced = sandboxOf({ DARKROOM_SANDBOX: 'on' }, ['openai'])
  expect(forced.on).toBe(true)
  expect(forced.warning).toMatch(/forced on/)
})

test('docs/configuration.md is the table, word for word', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  expect(page).toBe(renderSettings())
})

describe('packages of the AI SDK', () => {
  const given = { AI_SDK_PROVIDERS: 'luma=@ai-sdk/luma, my-tail=tail', LUMA_API_KEY: 'luma-secret' }

  it('are providers with keys and addresses by their names', () => {
    const env = { ...given, MY_TAIL_API_KEY: 'tail-secret', MY_TAIL_BASE_URL: 'http://10.0.0.9/v1' }
    const config = readConfig(env)
    expect(config.packages).toEqual([
      { name: 'luma', package: '@ai-sdk/luma', apiKey: 'luma-secret', baseUrl: null },
      { name: 'my-tail', package: 'tail', apiKey: 'tail-secret', baseUrl: 'http://10.0.0.9/v1' },
    ])
    expect(secretsOf(config)).toEqual(expect.arrayContaining(['luma-secret', 'tail-secret']))
  })

  it('may be without a key in the environment, for one of the database or of accounts', () => {
    expect(readConfig(given).packages).toContainEqual(
      expect.objectContaining({ name: 'my-tail', apiKey: null }),
    )
  })

  it.each([
    [
      { AI_SDK_PROVIDERS: 'luma=@ai-sdk/luma', LUMA_API_KEY: 'k', LUMA_BASE_URL: 'luma' },
      'LUMA_BASE_URL must be',
    ],
    [{ AI_SDK_PROVIDERS: 'openai=@ai-sdk/openai', OPENAI_API_KEY: 'k' }, 'AI_SDK_PROVIDERS must be'],
    [{ AI_SDK_PROVIDERS: 'luma=./luma.js', LUMA_API_KEY: 'k' }, 'AI_SDK_PROVIDERS must be'],
    [{ AI_SDK_PROVIDERS: 'luma=/tmp/luma', LUMA_API_KEY: 'k' }, 'AI_SDK_PROVIDERS must be'],
    [{ AI_SDK_PROVIDERS: 'luma', LUMA_API_KEY: 'k' }, 'AI_SDK_PROVIDERS must be'],
    [{ AI_SDK_PROVIDERS: 'luma=a, luma=b', LUMA_API_KEY: 'k' }, 'AI_SDK_PROVIDERS must be'],
  ])('are refused by name: %o', (env, problem) => {
    expect(() => readConfig(env)).toThrow(problem)
  })
})

describe('self-hosted engines', () => {
  it('are providers of their own: twins of the first, or apart under a name', () => {
    const { engines } = readConfig({
      SDAPI_BASE_URL: 'http://gpu-1:7860/, big=http://gpu-3:7860,http://gpu-2:7860',
      SDAPI_AUTH: 'me:secret-of-the-engine',
    })
    expect(engines.map(({ name, baseUrl, isTwin }) => [name, baseUrl, isTwin])).toEqual([
      ['sdapi', 'http://gpu-1:7860', false],
      ['sdapi-big', 'http://gpu-3:7860', false],
      ['sdapi-2', 'http://gpu-2:7860', true],
    ])
    expect(listTwins(engines)).toEqual(new Map([['sdapi', ['sdapi-2']]]))
    expect(secretsOf(readConfig({ SDAPI_BASE_URL: 'http://g', SDAPI_AUTH: 'a:b' }))).toContain('a:b')
  })

  it('know the model and the habits of those that speak OpenAI', () => {
    const { engines } = readConfig({
      OPENAI_COMPATIBLE_BASE_URL: 'http://gpu-1:8080/v1',
      OPENAI_COMPATIBLE_MODEL: 'flux',
      OPENAI_COMPATIBLE_PROFILE: 'localai',
    })
    expect(engines).toEqual([
      {
        kind: 'openai-compatible',
        name: 'openai-compatible',
        baseUrl: 'http://gpu-1:8080/v1',
        apiKey: '',
        isTwin: false,
        model: 'flux',
        profile: 'localai',
      },
    ])
  })

  it.each([
    [{ OPENAI_COMPATIBLE_API_KEY: 'x' }, 'OPENAI_COMPATIBLE_API_KEY is set without'],
    [{ COMFYUI_BASE_URL: 'http://gpu-1:8188' }, 'COMFYUI_BASE_URL and COMFYUI_WORKFLOWS belong together'],
    [{ SDAPI_BASE_URL: 'gpu-1:7860' }, 'SDAPI_BASE_URL must be'],
    [{ SDAPI_BASE_URL: 'a=http://x, a=http://y' }, 'SDAPI_BASE_URL must be'],
    [{ SDAPI_BASE_URL: 'http://me:pass@gpu-1' }, 'SDAPI_BASE_URL must be'],
    [{ SDAPI_AUTH: 'me:pass' }, 'SDAPI_AUTH is set without SDAPI_BASE_URL'],
  ])('refuses %j', (env, problem) => {
    expect(() => readConfig(env)).toThrow(problem)
  })
})

test('a term of keeping below three days is refused', () => {
  for (const days of ['1', '2', '-3', '3.5'])
    expect(problemsOf({ RETENTION_DAYS: days }).join(), days).toMatch(/^RETENTION_DAYS /)
  expect(readConfig({ RETENTION_DAYS: '3' }).retentionDays).toBe(3)
})

test('the free built-in model is offered unless it would be given away unmeant', () => {
  const is = (facts: Partial<SandboxFacts>) =>
    isBuiltInOffered({
      setting: 'auto',
      builtIn: 'auto',
      providers: ['openai'],
      hasPaymentKey: false,
      isLocal: true,
      ...facts,
    })
  expect([is({}), is({ providers: [], isLocal: false })]).toEqual([true, true])
  expect([is({ isLocal: false }), is({ hasPaymentKey: true })]).toEqual([false, false])
  expect([is({ isLocal: false, builtIn: 'on' }), is({ builtIn: 'off' })]).toEqual([true, false])
})

describe('SMTP_URL and MAIL_FROM', () => {
  const from = 'MAIL_FROM'
  const read = (url: string, sender = 'Darkroom <noreply@example.com>') =>
    readConfig({ SMTP_URL: url, MAIL_FROM: sender })

  test('name a server, how it is secured, who signs in and who sends; the password is a secret', () => {
    const config = read('smtp://us%40er:p%2Fw%40rd@Mail.example.com')
    expect(config.mail).toEqual({
      ...{ host: 'mail.example.com', port: 587, tls: 'starttls', user: 'us@er', password: 'p/w@rd' },
      from: { name: 'Darkroom', address: 'noreply@example.com' },
    })
    expect(secretsOf(config)).toContain('p/w@rd')
    expect(read('smtps://mail.example.com', 'a@b.example').mail).toMatchObject({
      ...{ port: 465, tls: 'implicit', user: null, from: { name: '', address: 'a@b.example' } },
    })
    expect(read('smtp://[::1]:25?tls=off').mail).toMatchObject({ host: '::1', port: 25, tls: 'off' })
    expect(readConfig({}).mail).toBeNull()
  })

  test('belong together and are refused by name, without a word of what they hold', () => {
    expect(problemsOf({ SMTP_URL: 'smtp://a' })).toEqual([
      'SMTP_URL is set without MAIL_FROM: set both or neither',
    ])
    expect(problemsOf({ [from]: 'a@b.example' })).toEqual([
      'MAIL_FROM is set without SMTP_URL: set both or neither',
    ])
    for (const url of [
      ...[
        'mail.example.com',
        'http://a',
        'smtp://',
        'smtp://hidden:hidden@',
        'smtp://a:0',
        'smtp://a/hidden',
      ],
      ...['smtp://a?tls=maybe', 'smtps://a?tls=off', 'smtp://hidden@a', 'smtp://u:%zz@a', 'smtp://a b'],
    ]) {
      const problems = problemsOf({ SMTP_URL: url, [from]: 'a@b.example' })
      expect(problems, url).toEqual([expect.stringMatching(/^SMTP_URL must be smtp:/)])
      expect(problems.join()).not.toContain('hidden')
    }
    expect(problemsOf({ SMTP_URL: 'smtp://u:hidden@a?tls=off', [from]: 'a@b.example' })).toEqual([
      'SMTP_URL has a password and tls=off: a password is not sent without TLS',
    ])
    for (const sender of [
      'hidden',
      'a@b\r\nBcc: c@d',
      'x <a@b> y',
      'a@b, c@d',
      '<a@b',
      'X\n <a@b.example>',
    ]) {
      expect(problemsOf({ SMTP_URL: 'smtp://a', [from]: sender }), sender).toEqual([
        'MAIL_FROM must be an address, such as Darkroom <noreply@images.example.com>',
      ])
    }
  })
})
