// Which addresses of buckets are understood, and that a wrong one is never repeated.
import { expect, test } from 'vitest'
import { parseBucketAddress } from './s3-address.ts'
import { StorageError } from './storage.ts'

test('a bucket alone is at Amazon, addressed by its host name, in the region the SDK finds', () => {
  expect(parseBucketAddress('s3://my-pictures')).toEqual({
    bucket: 'my-pictures',
    prefix: '',
    endpoint: null,
    publicEndpoint: null,
    region: null,
    isPathStyle: false,
    mayPresign: true,
  })
})

test('a store of its own is addressed by path, and every choice can be made', () => {
  expect(parseBucketAddress('s3://pics/a/b/?endpoint=http://10.0.0.7:9000')).toMatchObject({
    bucket: 'pics',
    prefix: 'a/b/',
    endpoint: 'http://10.0.0.7:9000',
    region: 'us-east-1',
    isPathStyle: true,
  })
  const chosen = parseBucketAddress(
    's3://pics?endpoint=https%3A%2F%2Fs3.example.com&region=eu-central-1&path-style=off&presign=off&public-endpoint=https://cdn.example.com',
  )
  expect(chosen).toEqual({
    bucket: 'pics',
    prefix: '',
    endpoint: 'https://s3.example.com',
    publicEndpoint: 'https://cdn.example.com',
    region: 'eu-central-1',
    isPathStyle: false,
    mayPresign: false,
  })
})

test('what is wrong is told without what stands there', () => {
  for (const [url, why] of [
    ['s3://', /names no bucket|is no URL/],
    ['s3://UPPER_case', /names no bucket/],
    ['s3://x', /names no bucket/],
    ['s3://secret:secret@bucket', /holds credentials/],
    ['s3://bucket:9000/secret', /has a port/],
    ['s3://bucket/secret#x', /fragment/],
    ['s3://bucket/se cret', /prefix with other characters/],
    ['s3://bucket/../secret%2e', /prefix with other characters/],
    ['s3://bucket/secret//x', /prefix with other characters/],
    [`s3://bucket/${'s/'.repeat(150)}`, /more than 200 letters/],
    ['s3://bucket?endpoint=secret', /no URL as endpoint/],
    ['s3://bucket?endpoint=ftp://secret', /needs as endpoint/],
    ['s3://bucket?endpoint=https://secret/path', /needs as endpoint/],
    ['s3://bucket?endpoint=https://user:secret@host', /needs as endpoint/],
    ['s3://bucket?endpoint=http://a&endpoint=http://secret', /twice/],
    ['s3://bucket?region=SECRET!', /region that is none/],
    ['s3://bucket?path-style=secret', /on or off as path-style/],
    ['s3://bucket?presign=secret', /on or off as presign/],
    ['s3://bucket?secret=secret', /unknown parameter; known are endpoint, public-endpoint/],
  ] as const) {
    const parse = () => parseBucketAddress(url)
    expect(parse, url).toThrow(StorageError)
    expect(parse, url).toThrow(why)
    expect(parse, url).not.toThrow(/secret/)
  }
})
