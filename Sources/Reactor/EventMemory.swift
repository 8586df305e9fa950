import CEvent
import Glibc

/// The memory of libevent's smallest records, apart from everything else.
///
/// libevent keeps a record of 16 octets for each descriptor number that a loop ever watched, for as long as the loop
/// lives. In the common heap those of a rush of calls come to lie one to a page between memory that is let go of, and
/// none of these pages can be given back: 12 MB for 0.2 MB of records were seen after 16,000 calls.
enum EventMemory {
    /// Before the first use of libevent in the process.
    static func install() {
        event_set_mem_functions(
            { EventMemory.allocate($0) }, { EventMemory.reallocate($0, $1) }, { EventMemory.free($0) })
    }

    /// What is this small lies in chunks of its own; the rest is malloc(3)'s.
    private static let smallest = 16
    /// The length lies in the 8 octets before each block. One of malloc(3) starts 8 octets earlier still, and so stays
    /// aligned for anything.
    private static let length = 8
    private static let header = 2 * length
    private static let block = length + smallest
    /// Whole pages, so that a chunk shares none with what comes and goes beside it.
    private static let chunk = 6 * 4096

    /// Addresses of free memory; 0 for none.
    private struct Pool {
        /// The last block that was freed, which holds the address of the one before.
        var freed: UInt = 0
        /// What was never used of the newest chunk.
        var next: UInt = 0
        var end: UInt = 0
        /// The newest chunk; all of them stay.
        var chunks: [UInt] = []
    }

    private static let pool = Guarded(Pool())

    private static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        let start = size <= smallest ? smallBlock().map { $0 + length } : malloc(header + size).map { $0 + header }
        if let start { setLength(of: start, size) }
        return start
    }

    private static func setLength(of memory: UnsafeMutableRawPointer, _ size: Int) {
        (memory - length).storeBytes(of: size, as: Int.self)
    }

    private static func smallBlock() -> UnsafeMutableRawPointer? {
        let address: UInt = pool.withLock { pool in
            if let freed = UnsafeMutableRawPointer(bitPattern: pool.freed) {
                pool.freed = freed.load(as: UInt.self)
                return UInt(bitPattern: freed)
            }
            if pool.next == pool.end {
                var fresh: UnsafeMutableRawPointer?
                guard posix_memalign(&fresh, 4096, chunk) == 0, let fresh else { return 0 }
                pool.chunks.append(UInt(bitPattern: fresh))
                pool.next = UInt(bitPattern: fresh)
                pool.end = pool.next + UInt(chunk)
            }
            defer { pool.next += UInt(block) }
            return pool.next
        }
        return UnsafeMutableRawPointer(bitPattern: address)
    }

    private static func free(_ memory: UnsafeMutableRawPointer?) {
        guard let memory else { return }
        guard (memory - length).load(as: Int.self) <= smallest else { return Glibc.free(memory - header) }
        pool.withLock { [address = UInt(bitPattern: memory - length)] pool in
            UnsafeMutableRawPointer(bitPattern: address)?.storeBytes(of: pool.freed, as: UInt.self)
            pool.freed = address
        }
    }

    private static func reallocate(_ memory: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
        guard let memory else { return allocate(size) }
        let old = (memory - length).load(as: Int.self)
        if old > smallest, size > smallest {
            guard let moved = realloc(memory - header, header + size).map({ $0 + header }) else { return nil }
            setLength(of: moved, size)
            return moved
        }
        guard let moved = allocate(size) else { return nil }
        moved.copyMemory(from: memory, byteCount: min(old, size))
        free(memory)
        return moved
    }
}
