// A closed loop of callers on keep-alive connections; prints what it saw as one JSON line.
// Usage: node bench/load.mjs URL KEY BODY CONNECTIONS REQUESTS
import { Agent, request } from 'node:http'

const [url = '', key = '', body = '', connections = '1', requests = '1'] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) })
const latenciesMs = []
let left = Number(requests)
let bytes = 0
let failed = 0

function callOnce() {
  return new Promise(resolve => {
    const beganAt = performance.now()
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const call = request(url, { method: 'POST', agent, headers }, answer => {
      answer.on('data', chunk => {
        bytes += chunk.length
      })
      answer.on('close', () => {
        if (answer.statusCode !== 200 || !answer.complete) failed += 1
        latenciesMs.push(performance.now() - beganAt)
        resolve()
      })
    })
    call.on('error', () => {
      failed += 1
      resolve()
    })
    call.end(body)
  })
}

async function caller() {
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
  JSON.stringify({ requests: latenciesMs.length, failed, bytes, seconds, p50Ms: at(0.5), p99Ms: at(0.99) }),
)
agent.destroy()
