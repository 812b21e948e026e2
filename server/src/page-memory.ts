// Memory that begins at page borders, as writing past the page cache needs it and no Buffer promises it. One fixed
// stretch for the process, touched only as far as it is used: whoever takes a block must give it back.

/** The largest block size among the disks in common use: what is aligned to it is aligned for all. */
export const PAGE_BYTES = 4096
/** Room for a piece of a picture that takes a usual one to the disk in four writes. */
export const BLOCK_BYTES = 112 * PAGE_BYTES
/** Pictures that arrive at the same moment; beyond it they go through ordinary memory and the page cache. */
const MAX_BLOCKS = 36
/** WebAssembly counts its memory in these. */
const WASM_PAGE_BYTES = 64 * 1024

const idleBlocks: Buffer[] = []
let madeBlocks = 0
let memory: ArrayBuffer | null | undefined

/** Null when the system refuses the address space. */
function openMemory(): ArrayBuffer | null {
  const pages = Math.ceil((MAX_BLOCKS * BLOCK_BYTES) / WASM_PAGE_BYTES)
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer
  } catch {
    return null
  }
}

/** A block of BLOCK_BYTES with whatever was in it, or null when all are taken. */
export function takeBlock(): Buffer | null {
  const idle = idleBlocks.pop()
  if (idle) return idle
  if (memory === undefined) memory = openMemory()
  if (memory === null || madeBlocks === MAX_BLOCKS) return null
  madeBlocks += 1
  return Buffer.from(memory, (madeBlocks - 1) * BLOCK_BYTES, BLOCK_BYTES)
}

/** Gives a block back; nobody may read or write it any more. What is no block is left to the collector. */
export function giveBlockBack(block: Buffer): void {
  if (block.buffer === memory) idleBlocks.push(block)
}

/** Whether the bytes begin at a page border, as far as this module knows. */
export function beginsAtPage(bytes: Uint8Array): boolean {
  return bytes.buffer === memory && bytes.byteOffset % PAGE_BYTES === 0
}
