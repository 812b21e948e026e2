// Ports that a test gives up and wants back, or wants nobody to listen on. They lie below those that the system hands out by
// itself, to a server that asks for any and to each connection that is opened, so that no other process comes upon them.
import { createServer, type Server } from 'node:net'

const lowest = 12_000
const highest = 32_000
const tries = 100

/** Listens on loopback, on such a port; answers which. */
export async function listenOnQuietPort(server: Server): Promise<number> {
  for (let left = tries; ; left -= 1) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    try {
      await listenOn(server, port)
      return port
    } catch (error) {
      if (left === 0) throw error
    }
  }
}

export async function listenOn(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** A port of loopback on which nobody listens, nor will by chance. */
export async function findQuietPort(): Promise<number> {
  const server = createServer()
  const port = await listenOnQuietPort(server)
  await new Promise<void>(resolve => server.close(() => resolve()))
  return port
}
