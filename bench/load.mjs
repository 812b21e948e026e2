// A closed loop of callers on keep-alive connections; prints what it saw as one JSON line.
// Usage: node bench/load.mjs URL KEY BODY CONNECTIONS REQUESTS [SPREAD_MS] [HEADERS]   (an empty BODY makes it GET)
// SPREAD_MS lets the callers arrive one after the other within that time; HEADERS, as JSON, are sent beside the usual ones.
import { Agent, request } from 'node:http'

const [url = '', key = '', body = '', connections = '1', requests = '1', spreadMs = '0', more = '{}'] =
  process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) })
const moreHeaders = JSON.parse(more)
const latenciesMs = []
let left = Number(requests)
let bytes = 0
let failed = 0
let atOnce = 0
let mostAtOnce = 0
const failures = {}

function fail(why) {
  failed += 1
  failures[why] = (failures[why] ?? 0) + 1
}

function callOnce() {
  return new Promise(resolve => {
    const beganAt = performance.now()
    atOnce += 1
    mostAtOnce = Math.max(mostAtOnce, atOnce)
    const end = () => {
      atOnce -= 1
      resolve()
    }
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...moreHeaders }
    const call = request(url, { method: body ? 'POST' : 'GET', agent, headers }, answer => {
      answer.on('data', chunk => {
        bytes += chunk.length
      })
      answer.on('close', () => {
        if (answer.statusCode !== 200 || !answer.complete) fail(answer.statusCode)
        latenciesMs.push(performance.now() - beganAt)
        end()
      })
    })
    call.on('error', error => {
      fail(error.code)
      end()
    })
    call.end(body)
  })
}

async function caller(_, index) {
  const waitMs = (index * Number(spreadMs)) / Number(connections)
  if (waitMs > 0) await new Promise(resolve => setTimeout(resolve, waitMs))
  while (left > 0) {
    left -= 1
    await callOnce()
  }
}

const beganAt = performance.now()
await Promise.all(Array.from({ length: Number(connections) }, caller))
const seconds = (performance.now() - beganAt) / 1000
latenciesMs.sort((a, b) => a - b)
const at = share =>
  latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? null
console.log(
  JSON.stringify({
    requests: latenciesMs.length,
    failed,
    failures,
    bytes,
    seconds,
    mostAtOnce,
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: at(0.99),
  }),
)
agent.destroy()
