// A bucket for benches: the S3-compatible store that the tests use too (Debian's OpenStack Swift with its s3api), started
// for this bench alone in one process that ends with it, and a bucket in it.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { removeAtEnd, spawnWatched } from './processes.mjs'

const program = join(dirname(fileURLToPath(import.meta.url)), '..', 'server/test/bucket/run-swift.py')
/** Debian's own: modules of its packages are not there for others. */
const python = '/usr/bin/python3'
const packages = 'swift-proxy swift-account swift-container swift-object'
const patienceMs = 60_000
/** The owner of all buckets there, and the only name of a region it knows. */
const credentials = { accessKeyId: 'darkroom:app', secretAccessKey: 'darkroom-secret' }
const region = 'us-east-1'
const name = 'bench'

/** `settings`: the environment of a service that keeps its pictures there. */
export async function startBucket() {
  if (spawnSync(python, ['-c', 'import swift.common.middleware.s3api']).status !== 0) {
    throw new Error(`a bucket needs Debian's packages: apt-get install --no-install-recommends ${packages}`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-bench-bucket-'))
  removeAtEnd(folder)
  const log = openSync(join(folder, 'log'), 'a')
  const store = spawnWatched(python, [program, folder, String(process.pid)], { stdio: ['ignore', log, log] })
  const endpoint = `http://127.0.0.1:${await readPort(folder)}`
  const client = new S3Client({
    ...{ endpoint, region, credentials, forcePathStyle: true },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })
  await client.send(new CreateBucketCommand({ Bucket: name }))
  client.destroy()
  return {
    settings: {
      STORAGE_URL: `s3://${name}?endpoint=${endpoint}&region=${region}`,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    /** It removes its data when its folder is gone. */
    stop() {
      const ended = new Promise(resolve => store.once('exit', resolve))
      rmSync(folder, { recursive: true, force: true })
      return ended
    },
  }
}

async function readPort(folder) {
  const until = performance.now() + patienceMs
  for (;;) {
    if (existsSync(join(folder, 'port'))) return readFileSync(join(folder, 'port'), 'utf8')
    const failed = join(folder, 'failed')
    if (existsSync(failed)) throw new Error(`the store did not start:\n${readFileSync(failed, 'utf8')}`)
    if (performance.now() > until) throw new Error('the store did not start in time')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
