// Provider exports come in every dialect of CSV, and in pieces cut anywhere.
import { expect, test } from 'vitest'
import { readCsv } from './csv.ts'

async function read(text: string, size = text.length || 1, separator = ','): Promise<string[][]> {
  async function* pieces() {
    for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
  }
  const records: string[][] = []
  for await (const { fields } of readCsv(pieces(), separator)) records.push(fields)
  return records
}

test('fields, quotes, line ends and a byte order mark are read alike however the text is cut', async () => {
  const text = '\uFEFFid,note,cost\r\na1,"x, ""y""\r\nz",0.04\n\nb2,,"1"\rc3,plain "quote,2'
  const records = [
    ['id', 'note', 'cost'],
    ['a1', 'x, "y"\r\nz', '0.04'],
    ['b2', '', '1'],
    ['c3', 'plain "quote', '2'],
  ]
  for (const size of [1, 2, 3, 7, text.length]) expect(await read(text, size)).toEqual(records)
  expect(await read('a;b\n1;2', 3, ';')).toEqual([
    ['a', 'b'],
    ['1', '2'],
  ])
  expect([await read(''), await read('\n\n')]).toEqual([[], []])
})

test('what is no list is refused with its line', async () => {
  await expect(read('a,b\n"x')).rejects.toThrow('line 2: a quote is not closed')
  await expect(read('a'.repeat(1_000_001))).rejects.toThrow('line 1: a record of more')
})
