// Which refusals of a mail server are the last word, and when a letter is tried again.
import { expect, test } from 'vitest'
import { delaysMs, judgeFailure, nextDelayMs } from './outcome.ts'

test('a 5xx to the recipient or the letter is final, a 4xx never, and one before that is for the operator to mend', () => {
  const judge = (responseCode: number, command: string, code = 'EENVELOPE') =>
    judgeFailure({ responseCode, command, code })
  expect(judge(550, 'RCPT TO')).toEqual({ result: 'refused', error: 'refused_550' })
  expect(judge(554, 'DATA', 'EMESSAGE')).toEqual({ result: 'refused', error: 'refused_554' })
  expect(judge(451, 'RCPT TO')).toEqual({ result: 'later', error: 'refused_451', isRelay: false })
  expect(judge(421, 'DATA', 'EMESSAGE')).toEqual({ result: 'later', error: 'refused_421', isRelay: false })
  expect(judge(503, 'DATA')).toMatchObject({ result: 'later' })
  expect(judge(530, 'RCPT TO')).toMatchObject({ result: 'later', isRelay: false })
  const denied = { responseCode: 554, command: 'RCPT TO', response: '554 5.7.1 Relay access denied' }
  expect(judgeFailure(denied)).toEqual({ result: 'later', error: 'refused_554', isRelay: false })
  expect(judgeFailure({ ...denied, response: '554 5.1.1 No 5.7.1 here' })).toMatchObject({
    result: 'refused',
  })
  expect(judge(535, 'AUTH PLAIN', 'EAUTH')).toEqual({
    ...{ result: 'later', error: 'auth_refused_535', isRelay: true },
  })
  expect(judge(553, 'MAIL FROM')).toMatchObject({
    result: 'later',
    error: 'sender_refused_553',
    isRelay: true,
  })
  expect(judge(554, 'CONN', 'EPROTOCOL')).toMatchObject({ result: 'later', isRelay: true })
})

test('trouble of the connection is put into a class, never into words of a server', () => {
  const classOf = (failure: Parameters<typeof judgeFailure>[0]) => judgeFailure(failure)
  expect(classOf({ code: 'ECONNREFUSED' })).toEqual({ result: 'later', error: 'unreachable', isRelay: true })
  expect(classOf({ code: 'ESOCKET', originalCode: 'CERT_HAS_EXPIRED' })).toMatchObject({
    error: 'bad_certificate',
  })
  expect(classOf({ code: 'ESOCKET', originalCode: 'ECONNRESET', command: 'DATA' })).toMatchObject({
    error: 'connection_lost',
  })
  expect(classOf({ code: 'EWHATEVER' })).toMatchObject({ error: 'unreachable' })
  expect(classOf({ code: 'EENVELOPE', command: 'API' })).toEqual({ result: 'refused', error: 'bad_address' })
})

test('there are eight tries, the last within two days and before a letter expires', () => {
  const delays = Array.from({ length: 8 }, (_, at) => nextDelayMs(at + 1))
  expect(delays).toEqual([...delaysMs, null])
  const hours = delaysMs.reduce((sum, delay) => sum + delay, 0) / 3_600_000
  expect(hours).toBeGreaterThan(36)
  expect(hours).toBeLessThan(48)
})
