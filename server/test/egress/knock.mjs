// Asks for addresses past every check, so that whoever counts can be seen to count. They are kept for documents: where
// there is a route at all, nobody is behind it.
import { connect } from 'node:net'

for (const host of process.argv.slice(2)) {
  const socket = connect({ host, port: 80 })
  socket.on('error', () => undefined)
  socket.on('connectionAttempt', () => setImmediate(() => socket.destroy()))
}
