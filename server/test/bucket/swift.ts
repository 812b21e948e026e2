// A real S3-compatible store for tests: Debian's OpenStack Swift with its s3api, installed when it is missing, one
// process for the whole run, started by whoever comes first. It ends with the run, also with a run that is killed.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { inject } from 'vitest'
import { ensureInstalled } from '../debian-packages.ts'
import { type FaultProxy, startFaultProxy } from '../fault-proxy.ts'

const packages = ['swift-proxy', 'swift-account', 'swift-container', 'swift-object']
const program = join(dirname(fileURLToPath(import.meta.url)), 'run-swift.py')
/** Debian's own: modules of its packages are not there for others. */
const python = '/usr/bin/python3'
/** Loading it takes a second or two, installing it a minute. */
const startPatienceMs = 60_000
const installPatienceMs = 300_000

/** Users of tempauth in run-swift.py: the owner of all buckets here, one without rights, one of another account. */
export const owner = { accessKeyId: 'darkroom:app', secretAccessKey: 'darkroom-secret' }
export const nobody = { accessKeyId: 'darkroom:nobody', secretAccessKey: 'nobody-secret' }
export const stranger = { accessKeyId: 'other:app', secretAccessKey: 'other-secret' }
type Credentials = typeof owner

/** The only name of a region it knows. */
const region = 'us-east-1'

export type TestBucket = {
  name: string
  /** Straight to the store. */
  endpoint: string
  client: S3Client
  /** As STORAGE_URL; `through` another endpoint, such as a proxy's. */
  url(options?: { prefix?: string; through?: string }): string
  /** For a process of the service that keeps its pictures here, or through a proxy. */
  env(options?: { through?: string }): Record<string, string>
  keys(prefix?: string): Promise<string[]>
  /** Uploads in parts that are not ended. */
  unfinished(): Promise<string[]>
  /** Between the service and the store; the test closes it. */
  startProxy(): Promise<FaultProxy & { endpoint: string }>
  /** Empties and removes it. */
  drop(): Promise<void>
}

/** What the driver in this process signs with, as an operator sets it. */
export function useCredentials({ accessKeyId, secretAccessKey }: Credentials): void {
  process.env.AWS_ACCESS_KEY_ID = accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = secretAccessKey
}

/** A fresh bucket of the run's store. Makes this process sign as its owner. */
export async function createTestBucket(): Promise<TestBucket> {
  const port = await getStore()
  const endpoint = `http://127.0.0.1:${port}`
  useCredentials(owner)
  const client = createTestClient(endpoint, owner)
  const name = `test-${randomBytes(6).toString('hex')}`
  await client.send(new CreateBucketCommand({ Bucket: name }))
  const url = ({ prefix = '', through = endpoint } = {}) =>
    `s3://${name}/${prefix}?endpoint=${through}&region=${region}`
  const keys = (prefix?: string) => listKeys(client, name, prefix)
  return {
    name,
    endpoint,
    client,
    url,
    env: options => ({
      STORAGE_URL: url(options),
      AWS_ACCESS_KEY_ID: owner.accessKeyId,
      AWS_SECRET_ACCESS_KEY: owner.secretAccessKey,
    }),
    keys,
    unfinished: async () => (await listUploads(client, name)).map(({ Key }) => Key ?? ''),
    async startProxy() {
      const proxy = await startFaultProxy({ host: '127.0.0.1', port })
      return { ...proxy, endpoint: `http://127.0.0.1:${proxy.port}` }
    },
    async drop() {
      for (const upload of await listUploads(client, name)) {
        const { Key, UploadId } = upload
        await client.send(new AbortMultipartUploadCommand({ Bucket: name, Key, UploadId }))
      }
      for (const key of await keys()) await client.send(new DeleteObjectCommand({ Bucket: name, Key: key }))
      await client.send(new DeleteBucketCommand({ Bucket: name }))
      client.destroy()
    },
  }
}

/** A client of the SDK's own kind, for what a test does behind the driver's back. */
export function createTestClient(endpoint: string, credentials: Credentials): S3Client {
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })
}

async function listKeys(client: S3Client, name: string, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for (let after: string | undefined = ''; after !== undefined; ) {
    const command: ListObjectsV2Command = new ListObjectsV2Command({
      Bucket: name,
      Prefix: prefix,
      ...(after === '' ? {} : { StartAfter: after }),
    })
    const page = await client.send(command)
    const found = (page.Contents ?? []).map(({ Key }) => Key ?? '')
    keys.push(...found)
    after = page.IsTruncated ? found.at(-1) : undefined
  }
  return keys
}

async function listUploads(client: S3Client, name: string) {
  return (await client.send(new ListMultipartUploadsCommand({ Bucket: name }))).Uploads ?? []
}

let store: Promise<number> | null = null

/** The port of the run's store. */
function getStore(): Promise<number> {
  store ??= startStore(join(inject('databaseFolder'), 'bucket'))
  return store
}

async function startStore(folder: string): Promise<number> {
  if (isFirst(folder)) {
    installStore()
    // The run's own process is named in the folder: the store ends with it and not with this worker.
    const runPid = basename(dirname(folder)).split('-')[2] ?? ''
    const log = openSync(join(folder, 'log'), 'a')
    const child = spawn(python, [program, folder, runPid], { detached: true, stdio: ['ignore', log, log] })
    child.unref()
  }
  const until = performance.now() + startPatienceMs + installPatienceMs
  for (;;) {
    if (existsSync(join(folder, 'port'))) return Number(readFileSync(join(folder, 'port'), 'utf8'))
    if (existsSync(join(folder, 'failed'))) {
      throw new Error(`the S3 store did not start:\n${readFileSync(join(folder, 'failed'), 'utf8')}`)
    }
    if (performance.now() > until || !existsSync(folder))
      throw new Error('the S3 store did not start in time')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder)
    return true
  } catch {
    return false
  }
}

function installStore(): void {
  const isThere = () => spawnSync(python, ['-c', 'import swift.common.middleware.s3api']).status === 0
  try {
    ensureInstalled({ packages, what: 'Tests of storage in a bucket', isThere })
  } catch (error) {
    // The next file tries again.
    rmSync(join(inject('databaseFolder'), 'bucket'), { recursive: true, force: true })
    throw error
  }
}
