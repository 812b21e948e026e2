// What the illustrator understands of a prompt, word by word.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { namedColours } from './colour.ts'
import { type Brief, readPrompt } from './prompt.ts'
import { allSubjects } from './subjects/all.ts'

const read = (prompt: string, negativePrompt: string | null = null): Brief =>
  readPrompt(prompt, { negativePrompt, subjects: allSubjects })

const names = (brief: Brief): string[] => brief.wishes.map(wish => `${wish.count} ${wish.subject.name}`)

test('subjects, counts, colours, place, hour, weather and style are read', () => {
  const brief = read('Three red foxes in a snowy forest at night, watercolor')
  expect(names(brief)).toEqual(['3 fox'])
  expect(brief.wishes[0]?.colours).toEqual([namedColours.red])
  expect(brief).toMatchObject({ settings: ['forest'], time: 'night', weather: 'snow', style: 'watercolour' })
})

test('a colour belongs to the part or the scenery it stands before', () => {
  const brief = read('a white house with a blue roof under an orange sky')
  expect(brief.wishes[0]?.colours).toEqual([namedColours.white])
  expect(brief.wishes[0]?.parts.get('roof')).toBe(namedColours.blue)
  expect(brief.scenery.get('sky')).toBe(namedColours.orange)
})

test('an orange is a fruit, an orange cat is a cat', () => {
  expect(names(read('an orange on a table'))).toEqual(['1 orange'])
  expect(names(read('an orange cat'))).toEqual(['1 cat'])
  expect(read('an orange cat').wishes[0]?.colours).toEqual([namedColours.orange])
})

test('who rides, wears or holds is told from what is ridden, worn or held', () => {
  const ride = read('an astronaut riding a horse')
  expect(ride.wishes[1]?.relation).toMatchObject({ kind: 'on', to: { subject: { name: 'astronaut' } } })
  expect(read('a cat wearing a top hat').wishes[0]?.traits.has('top hat')).toBe(true)
  const dressed = read('a cat astronaut')
  expect(names(dressed)).toEqual(['1 cat'])
  expect(dressed.wishes[0]?.traits.has('as astronaut')).toBe(true)
})

test('what «without» or the negative prompt names is not wished for', () => {
  expect(names(read('a house without a tree'))).toEqual(['1 house'])
  expect(names(read('a cat and a dog', 'dog'))).toEqual(['1 cat'])
  expect(read('a starry night', 'stars').features.has('stars')).toBe(false)
})

test('words that mean nothing here are kept as unknown', () => {
  expect(read('freedom and the quiet hum of mathematics').unknown).toEqual([
    'freedom',
    'quiet',
    'hum',
    'mathematics',
  ])
})

test('no text makes the reader fail', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 400 }), text => read(text, text) !== null))
  expect(names(read(''))).toEqual([])
})
